import {
  type Api,
  addOffsetsToTxn,
  addPartitionsToTxn,
  COORDINATOR_KEY_TYPE,
  type Decoded,
  type Encodable,
  endTxn,
  initProducerId,
  offsetFetch,
  txnOffsetCommit,
} from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import { assertNoError, FENCED_CODES, ProtocolError } from '../client/protocol-errors.ts'
import { untilReady } from '../client/retry.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { SinkFencedError, TransactionTimedOutError } from '../errors.ts'
import type { ProducerIdentity } from './record-producer.ts'

/** The partition whose committed offset is the marker. */
const MARKER_PARTITION = 0

/** Which batch the target holds as its last. */
export interface Marker {
  readonly incarnation: string
  readonly sequence: number
}

export interface TransactionOptions {
  readonly client: KafkaClient
  /** The transactional id, and the group that the marker is committed for. */
  readonly id: string
  readonly topic: string
  readonly timeoutMs: number
}

interface Place {
  readonly topic: string
  readonly index: number
}

/**
 * The transactions of one sink. Each commits, beside the records, the batch's sequence as a group's offset with the
 * incarnation as its metadata: so the target itself knows which batch it holds, whatever dies and when.
 */
export class SinkTransactions {
  readonly #options: TransactionOptions
  #identity: ProducerIdentity = { producerId: -1, producerEpoch: -1 }
  #coordinator: BrokerAddress | undefined
  #groupCoordinator: BrokerAddress | undefined
  #added = new Set<string>()
  #offsetsAdded: Promise<void> | undefined
  #isOpen = false

  constructor(options: TransactionOptions) {
    this.#options = options
  }

  get identity(): ProducerIdentity {
    return this.#identity
  }

  /**
   * Takes the transactional id over: whoever had it before is fenced, and what it had open is aborted or, where its commit
   * was decided, committed. Only after that may the marker be read.
   */
  async takeOver(): Promise<void> {
    const { id, timeoutMs } = this.#options
    const { producerId, producerEpoch } = await this.#ask(
      initProducerId,
      { transactionalId: id, transactionTimeoutMs: timeoutMs },
      ({ errorCode }) => [errorCode],
    )
    this.#identity = { producerId, producerEpoch }
  }

  /** Waits for what is being committed still: an answer right after a commit could be the one before it. */
  async marker(): Promise<Marker | undefined> {
    const { id, topic } = this.#options
    const topics = [{ name: topic, partitionIndexes: [MARKER_PARTITION] }]
    const groups = [{ groupId: id, topics }]
    const answer = await this.#askGroup(
      offsetFetch,
      { groupId: id, topics, groups, requireStable: true },
      ({ errorCode, topics: found, groups: several }) => [
        errorCode,
        ...several.map((group) => group.errorCode),
        ...[...found, ...several.flatMap((group) => group.topics)].flatMap((one) =>
          one.partitions.map((partition) => partition.errorCode),
        ),
      ],
    )
    const found = [...answer.topics, ...answer.groups.flatMap((group) => group.topics)][0]?.partitions[0]
    if (found === undefined || found.committedOffset < 0) return undefined
    return { sequence: found.committedOffset, incarnation: found.metadata ?? '' }
  }

  /** Before the first records for these partitions in a transaction; the first call begins it. */
  async addPartitions(places: readonly Place[]): Promise<void> {
    const fresh = places.filter(({ topic, index }) => !this.#added.has(`${topic}/${index}`))
    if (fresh.length === 0) return
    const byTopic = Map.groupBy(fresh, ({ topic }) => topic)
    const topics = [...byTopic].map(([name, some]) => ({ name, partitions: some.map(({ index }) => index) }))
    this.#isOpen = true
    await this.#ask(addPartitionsToTxn, { ...this.#own(), topics }, ({ results }) =>
      results.flatMap((one) => one.resultsByPartition.map((partition) => partition.partitionErrorCode)),
    )
    for (const { topic, index } of fresh) this.#added.add(`${topic}/${index}`)
    // Meanwhile, so that nobody waits for it later; whoever commits hears of its failure.
    this.#addOffsets().catch(() => undefined)
  }

  /** Puts the marker into the transaction, beginning one where there were no records. */
  async mark({ sequence, incarnation }: Marker): Promise<void> {
    const { id, topic } = this.#options
    this.#isOpen = true
    await this.#addOffsets()
    const committed = {
      partitionIndex: MARKER_PARTITION,
      committedOffset: sequence,
      committedMetadata: incarnation,
    }
    const topics = [{ name: topic, partitions: [committed] }]
    await this.#askGroup(txnOffsetCommit, { ...this.#own(), groupId: id, topics }, (answer) =>
      answer.topics.flatMap((one) => one.partitions.map((partition) => partition.errorCode)),
    )
  }

  commit(): Promise<void> {
    return this.#end(true)
  }

  /** Nothing to do where no transaction is open. */
  async abort(): Promise<void> {
    if (this.#isOpen) await this.#end(false)
  }

  /**
   * What an error means. A producer epoch that is not taken any more has two causes: the transaction took too long and was
   * aborted, or somebody else took the id over. Asking for a new epoch with the old one tells them apart.
   */
  async explain(error: unknown): Promise<unknown> {
    if (!(error instanceof ProtocolError) || !FENCED_CODES.has(error.apiCode)) return error
    const { client, id, timeoutMs } = this.#options
    try {
      const body = { transactionalId: id, transactionTimeoutMs: timeoutMs, ...this.#identity }
      await this.#ask(initProducerId, body, ({ errorCode }) => [errorCode])
    } catch (cause) {
      if (!(cause instanceof ProtocolError) || !FENCED_CODES.has(cause.apiCode)) return cause
      return new SinkFencedError({ bootstrap: client.bootstrap, id }, { cause })
    }
    return new TransactionTimedOutError({ id, timeoutMs }, { cause: error })
  }

  #own() {
    return { transactionalId: this.#options.id, ...this.#identity }
  }

  #addOffsets(): Promise<void> {
    this.#offsetsAdded ??= this.#ask(addOffsetsToTxn, { ...this.#own(), groupId: this.#options.id }, (answer) => [
      answer.errorCode,
    ]).then(() => undefined)
    return this.#offsetsAdded
  }

  async #end(committed: boolean): Promise<void> {
    await this.#ask(endTxn, { ...this.#own(), committed }, ({ errorCode }) => [errorCode])
    this.#isOpen = false
    this.#added.clear()
    this.#offsetsAdded = undefined
  }

  /** Asks the transaction's coordinator, again as long as it cannot answer yet. */
  #ask<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, body: Encodable<Req>, codes: Codes<Res>) {
    const { client, id } = this.#options
    return untilReady(async () => {
      this.#coordinator ??= await client.coordinator(id, COORDINATOR_KEY_TYPE.transaction)
      const answer = await client.request(this.#coordinator, api, body)
      return checked(answer, codes, () => {
        this.#coordinator = undefined
      })
    })
  }

  /** Asks the group's coordinator likewise. */
  #askGroup<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, body: Encodable<Req>, codes: Codes<Res>) {
    const { client, id } = this.#options
    return untilReady(async () => {
      this.#groupCoordinator ??= await client.coordinator(id)
      const answer = await client.request(this.#groupCoordinator, api, body)
      return checked(answer, codes, () => {
        this.#groupCoordinator = undefined
      })
    })
  }
}

type Fields = Api['request']
type Codes<Res extends Fields> = (answer: Decoded<Res>) => readonly number[]

/** The answer, unless an error stands in it; before that is thrown, the coordinator that gave it is forgotten. */
function checked<A>(answer: A, codes: (answer: A) => readonly number[], forget: () => void): A {
  try {
    for (const code of codes(answer)) assertNoError(code)
    return answer
  } catch (error) {
    forget()
    throw error
  }
}
