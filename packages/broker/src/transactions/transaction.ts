import { KafkaError } from '../protocol/index.ts'

/** Kafka's names. Source: org.apache.kafka.coordinator.transaction.TransactionState, without those that are never kept here. */
export const TRANSACTION_STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
] as const
type TransactionState = (typeof TRANSACTION_STATES)[number]

/** A producer as it names itself in a request. */
export interface ProducerRef {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** What the coordinator knows of one transactional id: who may write under it, and the transaction that is open or was the last. */
export interface Transaction extends ProducerRef {
  readonly transactionalId: string
  /** The epoch that the present producer had before, so that it may ask for the next one twice; -1 where another producer had it. */
  readonly lastProducerEpoch: number
  /** The producer id that went before this one because its epochs were used up; -1 for none. */
  readonly lastProducerId: number
  readonly timeoutMs: number
  readonly state: TransactionState
  /** Where the open transaction writes; while it ends, where its markers go. */
  readonly topics: readonly TopicPartitions[]
  /** Groups that the open transaction commits offsets for. */
  readonly groups: readonly string[]
  /** When the open transaction began and when this last changed, ms since the epoch; `startedAt` is -1 where none is open. */
  readonly startedAt: number
  readonly updatedAt: number
}

export type Outcome = 'commit' | 'abort'

/** The highest epoch that a producer is given: the one above it is kept for fencing. */
const LAST_PRODUCER_EPOCH = 0x7fff - 1

export function newTransaction(
  transactionalId: string,
  producerId: number,
  timeoutMs: number,
  now: number,
): Transaction {
  return {
    transactionalId,
    producerId,
    producerEpoch: 0,
    lastProducerEpoch: -1,
    lastProducerId: -1,
    timeoutMs,
    state: 'Empty',
    topics: [],
    groups: [],
    startedAt: -1,
    updatedAt: now,
  }
}

/**
 * Whether a producer that asks for an epoch and says which one it has (KIP-360) may have the next. `isRetry`: it has been given that epoch
 * before and did not hear of it. Throws PRODUCER_FENCED.
 */
export function judgeResumption(transaction: Transaction, asking: ProducerRef | undefined): { isRetry: boolean } {
  if (asking === undefined) return { isRetry: false }
  const { producerId, producerEpoch, lastProducerId, lastProducerEpoch } = transaction
  if (asking.producerId === producerId && asking.producerEpoch === producerEpoch) return { isRetry: false }
  const wasGivenTheNext =
    asking.producerEpoch === lastProducerEpoch &&
    (asking.producerId === producerId || (asking.producerId === lastProducerId && producerEpoch === 0))
  if (wasGivenTheNext && !isOpen(transaction)) return { isRetry: true }
  throw fenced(transaction, asking)
}

/** The transaction with the epoch that follows, which the producer `asking` (or one that says nothing of itself) gets. */
export function withNextEpoch(
  transaction: Transaction,
  asking: ProducerRef | undefined,
  timeoutMs: number,
  now: number,
): Transaction {
  const lastProducerEpoch = asking?.producerEpoch ?? -1
  const producerEpoch = transaction.producerEpoch + 1
  return { ...transaction, producerEpoch, lastProducerEpoch, timeoutMs, state: 'Empty', updatedAt: now }
}

/** The same with a producer id of its own, whose epochs begin anew. */
export function withNewProducerId(transaction: Transaction, producerId: number): Transaction {
  return { ...transaction, producerId, producerEpoch: 0, lastProducerId: transaction.producerId }
}

export function hasUsedUpEpochs({ producerEpoch }: Transaction): boolean {
  return producerEpoch >= LAST_PRODUCER_EPOCH
}

/**
 * With the next epoch: who has written until now may no longer. Nobody is given it but the producer `asking`, and that only if it has to ask
 * again because this process ends before it has answered.
 */
export function withFencingEpoch(transaction: Transaction, asking: ProducerRef | undefined): Transaction {
  const lastProducerEpoch = asking?.producerEpoch ?? -1
  return { ...transaction, producerEpoch: transaction.producerEpoch + 1, lastProducerEpoch }
}

/** Throws INVALID_PRODUCER_ID_MAPPING or PRODUCER_FENCED for anybody but the present producer. */
export function assertProducer(transaction: Transaction | undefined, asking: ProducerRef): asserts transaction {
  if (transaction === undefined || transaction.producerId !== asking.producerId)
    throw new KafkaError(
      'INVALID_PRODUCER_ID_MAPPING',
      `producer ${asking.producerId} does not have that transactional id`,
    )
  if (transaction.producerEpoch !== asking.producerEpoch) throw fenced(transaction, asking)
}

/** The transaction as it is with these partitions and groups in it, begun if need be; the same where all are. Throws CONCURRENT_TRANSACTIONS. */
export function withParticipants(
  transaction: Transaction,
  topics: readonly TopicPartitions[],
  groups: readonly string[],
  now: number,
): Transaction {
  assertNotEnding(transaction)
  const isNew =
    groups.some((group) => !transaction.groups.includes(group)) ||
    topics.some(({ topic, partitions }) => partitions.some((partition) => !includes(transaction, topic, partition)))
  if (isOpen(transaction) && !isNew) return transaction
  const begun = isOpen(transaction) ? transaction : { ...transaction, topics: [], groups: [], startedAt: now }
  return {
    ...begun,
    state: 'Ongoing',
    topics: merged([...begun.topics, ...topics]),
    groups: [...new Set([...begun.groups, ...groups])],
    updatedAt: now,
  }
}

/** What is to be done about a request to end the transaction. Throws INVALID_TXN_STATE or CONCURRENT_TRANSACTIONS. */
export function judgeEnd({ state, transactionalId }: Transaction, outcome: Outcome): 'end' | 'hasEnded' {
  if (state === 'Ongoing') return 'end'
  if (state === completed(outcome)) return 'hasEnded'
  if (state === prepared(outcome))
    throw new KafkaError('CONCURRENT_TRANSACTIONS', `the transaction of "${transactionalId}" is being completed`)
  throw new KafkaError('INVALID_TXN_STATE', `there is nothing to ${outcome} for "${transactionalId}": it is ${state}`)
}

export function withPreparedEnd(transaction: Transaction, outcome: Outcome, now: number): Transaction {
  return { ...transaction, state: prepared(outcome), updatedAt: now }
}

export function withCompletedEnd(transaction: Transaction, now: number): Transaction {
  const state = completed(outcomeOf(transaction))
  return { ...transaction, state, topics: [], groups: [], startedAt: -1, updatedAt: now }
}

/** How a transaction that is being ended ends. */
export function outcomeOf({ state }: Transaction): Outcome {
  return state === 'PrepareCommit' ? 'commit' : 'abort'
}

export function isOpen({ state }: Transaction): boolean {
  return state === 'Ongoing'
}

/** Its end is decided, but not yet told to everyone who takes part. */
export function isEnding({ state }: Transaction): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

export function assertNotEnding(transaction: Transaction): void {
  if (isEnding(transaction))
    throw new KafkaError(
      'CONCURRENT_TRANSACTIONS',
      `the transaction of "${transaction.transactionalId}" is being completed`,
    )
}

export function includes({ topics }: Transaction, topic: string, partition: number): boolean {
  return topics.some((participant) => participant.topic === topic && participant.partitions.includes(partition))
}

function merged(topics: readonly TopicPartitions[]): TopicPartitions[] {
  return [...Map.groupBy(topics, ({ topic }) => topic)].map(([topic, parts]) => ({
    topic,
    partitions: [...new Set(parts.flatMap(({ partitions }) => partitions))],
  }))
}

function prepared(outcome: Outcome): TransactionState {
  return outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort'
}

function completed(outcome: Outcome): TransactionState {
  return outcome === 'commit' ? 'CompleteCommit' : 'CompleteAbort'
}

function fenced({ transactionalId, producerEpoch }: Transaction, asking: ProducerRef): KafkaError {
  return new KafkaError(
    'PRODUCER_FENCED',
    `epoch ${asking.producerEpoch} of "${transactionalId}" is not its present one, ${producerEpoch}`,
  )
}
