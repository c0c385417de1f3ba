import { setTimeout as delay } from 'node:timers/promises'
import {
  AbortedFilter,
  assertNoError,
  type BrokerConnection,
  KafkaRequestError,
  type ReceivedResponse,
  ResponseBufferPool,
} from '@headrace/adapters/kafka'
import { type Decoded, decodeResponse, fetch, forEachBatch } from '@headrace/broker/protocol'
import { HeadraceError, isProgrammingError } from '@headrace/core/errors'
import { offsetRanges, offsetsAt } from '../admin/offsets.ts'
import type { StartTarget } from '../arguments.ts'
import type { KafkaCluster, TopicMetadata } from '../cluster.ts'
import { PartitionUnknownError } from '../errors.ts'
import { type Cursor, planCursors } from './plan-start.ts'
import { RecordView, visitRecords } from './record-view.ts'

/** Of one partition in one response, and of one response. */
const PARTITION_BYTES = 1024 * 1024
const RESPONSE_BYTES = 8 * PARTITION_BYTES

/** A response also holds what lies around its records. */
const OVERHEAD_BYTES = 64 * 1024

/** How long a broker waits for a first record before it answers that there is none. */
const LONG_POLL_MS = 500

/** Later versions name topics by an id. */
const LAST_FETCH_BY_NAME = 12

/** Trouble that may pass, a leader that moves or a broker that starts anew, is put up with so long (ms). */
const PATIENCE_MS = 30_000
const AGAIN_MS = 200

interface TopicOptions {
  readonly topic: string
  readonly readCommitted: boolean
  readonly signal: AbortSignal
}

export interface ReadOptions extends TopicOptions {
  /** All unless named. */
  readonly partitions?: readonly number[] | undefined
  readonly start: StartTarget
  /** Ends where the partitions end now. */
  readonly untilEnd: boolean
}

/** Where records go. */
export interface RecordTarget {
  /** Takes a record, whose view is good until the call returns; false ends the reading. */
  record(view: RecordView): boolean
  /** After the records of each response: resolves when they are out. */
  flush(): Promise<void>
}

type FetchedPartition = Decoded<typeof fetch.response>['responses'][number]['partitions'][number]

interface Part {
  readonly cursor: Cursor
  readonly from: number
  readonly fetched: FetchedPartition
}

/** Reads a topic without a group, from each leader over a connection of its own. Throws the catalogue's errors. */
export async function readTopic(cluster: KafkaCluster, options: ReadOptions, target: RecordTarget): Promise<void> {
  const topic = await cluster.topic(options.topic)
  const reading = new Reading(cluster, options, target, await startCursors(cluster, topic, options))
  await reading.run(topic)
}

/** The same from where each cursor stands, which are moved on. */
export async function readFrom(
  cluster: KafkaCluster,
  options: TopicOptions,
  cursors: readonly Cursor[],
  target: RecordTarget,
): Promise<void> {
  await new Reading(cluster, options, target, cursors).run(await cluster.topic(options.topic))
}

async function startCursors(cluster: KafkaCluster, topic: TopicMetadata, options: ReadOptions): Promise<Cursor[]> {
  const { start, partitions, readCommitted, untilEnd } = options
  const count = topic.partitions.length
  const missing = partitions?.find((partition) => partition >= count)
  if (missing !== undefined) throw new PartitionUnknownError({ topic: options.topic, partition: missing, count })
  const numbers = partitions ?? topic.partitions.map(({ partitionIndex }) => partitionIndex)
  const isolation = readCommitted ? 1 : 0
  const [ranges, atTimestamp] = await Promise.all([
    offsetRanges(cluster, topic, isolation),
    start.kind === 'timestamp'
      ? offsetsAt(cluster, topic, new Map(numbers.map((number) => [number, start.timestampMs])), isolation)
      : new Map<number, number>(),
  ])
  const wanted = new Map([...ranges].filter(([partition]) => numbers.includes(partition)))
  return planCursors(wanted, start, atTimestamp, untilEnd)
}

class Reading {
  readonly #cluster: KafkaCluster
  readonly #options: TopicOptions
  readonly #target: RecordTarget
  readonly #cursors: readonly Cursor[]
  readonly #pool = new ResponseBufferPool(RESPONSE_BYTES + OVERHEAD_BYTES)
  readonly #view = new RecordView()
  readonly #connections = new Set<BrokerConnection>()
  /** One leader's records at a time: they share the view and the output. */
  #turn: Promise<void> = Promise.resolve()
  #isOver = false
  #lastAnswerAt = performance.now()

  constructor(cluster: KafkaCluster, options: TopicOptions, target: RecordTarget, cursors: readonly Cursor[]) {
    this.#cluster = cluster
    this.#options = options
    this.#target = target
    this.#cursors = cursors
  }

  async run(first: TopicMetadata): Promise<void> {
    const { signal, topic: name } = this.#options
    const stop = () => this.#end()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    let topic = first
    try {
      while (!this.#isOver && this.#active().length > 0) {
        const failure = await this.#readLeaders(topic)
        if (failure === undefined || this.#isOver) break
        this.#assertPassing(failure)
        await delay(AGAIN_MS)
        topic = await this.#cluster.topic(name).catch((error: unknown) => {
          this.#assertPassing(error)
          return topic
        })
      }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#end()
    }
  }

  #active(): Cursor[] {
    return this.#cursors.filter(({ next, end }) => end === undefined || next < end)
  }

  #end(): void {
    this.#isOver = true
    for (const connection of this.#connections) connection.close()
  }

  #assertPassing(error: unknown): void {
    const translated = this.#cluster.translate(error, `read topic "${this.#options.topic}"`)
    const isFinal = isProgrammingError(error) || (translated instanceof HeadraceError && translated.retry === 'never')
    if (isFinal || performance.now() - this.#lastAnswerAt > PATIENCE_MS) throw translated
  }

  /** Reads from every leader until all are done or one fails; gives its error. */
  async #readLeaders(topic: TopicMetadata): Promise<unknown> {
    const leaders = new Map(topic.partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId]))
    const byLeader = Map.groupBy(this.#active(), ({ partition }) => leaders.get(partition) ?? -1)
    let failure: unknown
    const loops = [...byLeader].map(async ([node, cursors]) => {
      try {
        await this.#readLeader(node, cursors)
      } catch (error) {
        failure ??= error
        for (const connection of this.#connections) connection.close()
      }
    })
    await Promise.all(loops)
    return failure
  }

  async #readLeader(node: number, cursors: readonly Cursor[]): Promise<void> {
    const connection = await this.#cluster.dial(node, this.#pool)
    this.#connections.add(connection)
    try {
      let turn = 0
      let pending = this.#fetch(connection, cursors)
      for (;;) {
        const received = await pending
        const parts = this.#open(received, cursors)
        const left = cursors.filter(({ next, end }) => end === undefined || next < end)
        const goesOn = left.length > 0 && !this.#isOver
        // The broker gathers the next records while these are written.
        if (goesOn) pending = this.#fetch(connection, rotated(left, ++turn))
        pending.catch(() => undefined)
        await this.#inTurn(() => this.#deliver(parts))
        received.release()
        if (!goesOn || this.#isOver) return
      }
    } finally {
      this.#connections.delete(connection)
      connection.close()
    }
  }

  #fetch(connection: BrokerConnection, cursors: readonly Cursor[]): Promise<ReceivedResponse> {
    const { topic, readCommitted } = this.#options
    const partitions = cursors.map(({ partition, next }) => ({
      partition,
      fetchOffset: next,
      partitionMaxBytes: PARTITION_BYTES,
    }))
    return connection.exchange(fetch, this.#version(), {
      maxWaitMs: LONG_POLL_MS,
      minBytes: 1,
      maxBytes: RESPONSE_BYTES,
      isolationLevel: readCommitted ? 1 : 0,
      topics: [{ topic, partitions }],
    })
  }

  #version(): number {
    return Math.min(this.#cluster.version(fetch), LAST_FETCH_BY_NAME)
  }

  /** The response by partition; the cursors are moved to where the next request begins. */
  #open(received: ReceivedResponse, cursors: readonly Cursor[]): Part[] {
    const { body } = decodeResponse(fetch, this.#version(), received.message)
    assertNoError(body.errorCode)
    this.#lastAnswerAt = performance.now()
    const byPartition = new Map(cursors.map((cursor) => [cursor.partition, cursor]))
    return body.responses
      .flatMap(({ partitions }) => partitions)
      .flatMap((fetched) => {
        assertNoError(fetched.errorCode)
        const cursor = byPartition.get(fetched.partitionIndex)
        if (cursor === undefined || fetched.records === null) return []
        const from = cursor.next
        forEachBatch(fetched.records, (batch) => {
          cursor.next = Math.max(cursor.next, batch.lastOffset + 1)
        })
        return [{ cursor, from, fetched }]
      })
  }

  async #deliver(parts: readonly Part[]): Promise<void> {
    for (const part of parts) {
      if (this.#isOver) return
      this.#visit(part)
      await this.#target.flush()
    }
  }

  #visit({ cursor, from, fetched }: Part): void {
    const aborted = new AbortedFilter(this.#options.readCommitted ? (fetched.abortedTransactions ?? []) : [])
    const view = this.#view
    view.partition = cursor.partition
    const { end = Number.POSITIVE_INFINITY } = cursor
    forEachBatch(fetched.records as Buffer, (batch) => {
      if (aborted.leavesOut(batch) || batch.isControl || batch.lastOffset < from) return true
      try {
        const isToGoOn = visitRecords(
          batch,
          from,
          view,
          (record) => record.offset >= end || this.#target.record(record),
        )
        if (!isToGoOn) this.#end()
        return isToGoOn
      } catch (cause) {
        const operation = `read offset ${batch.baseOffset} of ${this.#options.topic}/${cursor.partition}`
        const reason = cause instanceof Error ? cause.message : String(cause)
        throw new KafkaRequestError({ operation, reason }, { cause })
      }
    })
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** Begins with another partition each time: the first ones of a request are the first to be answered. */
function rotated(cursors: readonly Cursor[], turn: number): Cursor[] {
  const first = turn % cursors.length
  return [...cursors.slice(first), ...cursors.slice(0, first)]
}
