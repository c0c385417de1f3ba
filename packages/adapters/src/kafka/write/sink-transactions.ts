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
import { CONCURRENT_TRANSACTIONS, FENCED_CODES, ProtocolError, refusalIn } from '../client/protocol-errors.ts'
import { untilReady } from '../client/retry.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { SinkFencedError, TransactionTimedOutError } from '../errors.ts'
import { forgotten } from './forgotten.ts'
import type { Marker } from './marker.ts'
import type { ProducerIdentity } from './record-producer.ts'

/** The partition whose committed offset is the marker. */
const MARKER_PARTITION = 0

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
  /** Partitions of the transaction that is open, by name, each with the answer to its being added. */
  #added = new Map<string, Promise<void>>()
  /** Those of them that have records, and those that had some in the transaction before. */
  #written = new Map<string, Place>()
  #writtenBefore: ReadonlyMap<string, Place> = new Map()
  /** Those that the last two transactions wrote: the next one will probably, too. */
  #expected: readonly Place[] = []
  #marking: Promise<void> = Promise.resolve()
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
    this.#forget()
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

  /**
   * Begins a transaction ahead of its records: adds the partitions that are expected, and puts the marker in. Resolves when the
   * marker is there. If the transaction is aborted the marker is undone with the records, so it need not wait for them.
   */
  begin(marker: Marker): Promise<void> {
    this.#isOpen = true
    // One after the other: while it writes down the first, the coordinator refuses the second.
    this.#marking = this.#add(this.#expected).then(() => this.#mark(marker))
    return this.#marking
  }

  /** Before the first records for these partitions. */
  async addPartitions(places: readonly Place[]): Promise<void> {
    for (const place of places) this.#written.set(nameOf(place), place)
    await this.#add(places)
  }

  commit(): Promise<void> {
    return this.#end(true)
  }

  /** Nothing to do where no transaction is open. What was asked before is answered first. */
  async abort(): Promise<void> {
    if (!this.#isOpen) return
    await Promise.allSettled([this.#marking, ...this.#added.values()])
    await this.#end(false)
  }

  /**
   * What an error means. A producer epoch that is not taken any more has two causes: the transaction took too long and was
   * aborted, or somebody else took the id over. Asking for a new epoch with the old one tells them apart.
   */
  async explain(error: unknown): Promise<unknown> {
    const anew = forgotten(error)
    if (anew !== undefined) return anew
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

  #forget(): void {
    this.#isOpen = false
    this.#added = new Map()
    this.#written = new Map()
  }

  async #add(places: readonly Place[]): Promise<void> {
    const fresh = places.filter((place) => !this.#added.has(nameOf(place)))
    if (fresh.length > 0) {
      const answered = this.#addToTransaction(fresh)
      for (const place of fresh) this.#added.set(nameOf(place), answered)
    }
    await Promise.all(places.map((place) => this.#added.get(nameOf(place))))
  }

  async #addToTransaction(places: readonly Place[]): Promise<void> {
    const byTopic = Map.groupBy(places, ({ topic }) => topic)
    const topics = [...byTopic].map(([name, some]) => ({ name, partitions: some.map(({ index }) => index) }))
    await this.#ask(addPartitionsToTxn, { ...this.#own(), topics }, ({ results }) =>
      results.flatMap((one) => one.resultsByPartition.map((partition) => partition.partitionErrorCode)),
    )
  }

  async #mark({ sequence, incarnation }: Marker): Promise<void> {
    const { id: groupId, topic } = this.#options
    await this.#ask(addOffsetsToTxn, { ...this.#own(), groupId }, ({ errorCode }) => [errorCode])
    const committed = {
      partitionIndex: MARKER_PARTITION,
      committedOffset: sequence,
      committedMetadata: incarnation,
    }
    const topics = [{ name: topic, partitions: [committed] }]
    await this.#askGroup(txnOffsetCommit, { ...this.#own(), groupId, topics }, (answer) =>
      answer.topics.flatMap((one) => one.partitions.map((partition) => partition.errorCode)),
    )
  }

  async #end(committed: boolean): Promise<void> {
    await this.#ask(endTxn, { ...this.#own(), committed }, ({ errorCode }) => [errorCode])
    this.#expected = [...this.#written].flatMap(([name, place]) => (this.#writtenBefore.has(name) ? [place] : []))
    this.#writtenBefore = this.#written
    this.#forget()
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

function nameOf({ topic, index }: Place): string {
  return `${topic}/${index}`
}

type Fields = Api['request']
type Codes<Res extends Fields> = (answer: Decoded<Res>) => readonly number[]

/** The answer, unless an error stands in it; if another coordinator may have none, this one is forgotten before that is thrown. */
function checked<A>(answer: A, codes: (answer: A) => readonly number[], forget: () => void): A {
  const code = refusalIn(codes(answer))
  if (code === 0) return answer
  if (code !== CONCURRENT_TRANSACTIONS) forget()
  throw new ProtocolError(code)
}
