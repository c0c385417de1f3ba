import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { Positions, SourceEvent } from '@headrace/core'
import { BrokerConnection } from './broker-connection.ts'
import type { KafkaClient, TopicLayout } from './client.ts'
import type { KafkaConnection, KafkaSourceConfig } from './config.ts'
import { BatchCorruptError, OffsetOutOfRangeError, TopicRecreatedError } from './errors.ts'
import { type FetchedPart, type FetchedResponse, RESPONSE_BYTES, runFetchLoop } from './fetch-loop.ts'
import type { PartitionCursor } from './partition-cursor.ts'
import { partitionName, positionOf } from './position.ts'
import { assertNoError, CORRUPT_MESSAGE, OFFSET_OUT_OF_RANGE, ProtocolError } from './protocol-errors.ts'
import { ReadAhead } from './read-ahead.ts'
import { type DecodeOptions, eventsOf } from './response-events.ts'
import { ResponseBufferPool } from './response-receiver.ts'
import type { BrokerAddress } from './sockets.ts'
import { planStart } from './start.ts'

/** Responses that may wait to be decoded, beside the one that is and the one under way. */
const RESPONSES_AHEAD = 1

/** How often to ask whether the topic has got more partitions. */
const LAYOUT_EVERY_MS = 60_000

/** A response also holds what lies around its records. */
const RESPONSE_OVERHEAD_BYTES = 64 * 1024

interface ReadingOptions extends DecodeOptions {
  readonly config: KafkaSourceConfig
  readonly connection: KafkaConnection
  readonly client: KafkaClient
  readonly layout: TopicLayout
  readonly fetchVersion: number
}

/** One `read` of the source, from its first event to its end. */
export class Reading {
  readonly #options: ReadingOptions
  readonly #buffers = new ResponseBufferPool(RESPONSE_BYTES + RESPONSE_OVERHEAD_BYTES)
  readonly #ahead = new ReadAhead<FetchedResponse | TopicLayout>(RESPONSES_AHEAD)
  readonly #stopped = new AbortController()
  readonly #cursors: PartitionCursor[] = []
  #layout: TopicLayout

  constructor(options: ReadingOptions) {
    this.#options = options
    this.#layout = options.layout
  }

  /** At once: connections are closed, and `events` ends. */
  stop(): void {
    this.#stopped.abort()
    this.#ahead.end()
  }

  async *events(from: Positions): AsyncGenerator<SourceEvent> {
    const { client, config } = this.#options
    const timer = setInterval(() => void this.#lookForPartitions(), LAYOUT_EVERY_MS)
    timer.unref()
    try {
      const offsets = await this.#startOffsets(from)
      yield* this.#assign(offsets)
      if (config.start !== 'earliest') yield* this.#pinned(from)
      for (let item = await this.#ahead.next(); item !== undefined; item = await this.#ahead.next()) {
        if ('parts' in item) yield* this.#responseEvents(item)
        else yield* this.#grow(item)
      }
    } catch (error) {
      if (!this.#stopped.signal.aborted) throw client.translate(error, `read topic "${config.topic}"`)
    } finally {
      clearInterval(timer)
      this.stop()
    }
  }

  async *#responseEvents(response: FetchedResponse): AsyncGenerator<SourceEvent> {
    try {
      await this.#assertNoError(response)
      yield* eventsOf(response, this.#options)
    } finally {
      response.received.release()
    }
  }

  async #startOffsets(from: Positions): Promise<ReadonlyMap<number, number>> {
    const { config } = this.#options
    const { offsets, asked } = planStart(config, from, this.#layout.leaders.length)
    const listed = await this.#listOffsets(asked)
    const behindTheEnd = [...listed]
      .filter(([, offset]) => offset < 0)
      .map(([index]) => [index, OFFSET_SPEC.latest] as const)
    return new Map([...offsets, ...listed, ...(await this.#listOffsets(new Map(behindTheEnd)))])
  }

  /** Takes up partitions: they are assigned, and fetching from their leaders begins. */
  *#assign(offsets: ReadonlyMap<number, number>): Generator<SourceEvent> {
    const { topic } = this.#options.config
    const added = [...offsets]
      .sort(([a], [b]) => a - b)
      .map(([index, nextOffset]) => ({ index, name: partitionName(topic, index), nextOffset, atEndReportedAt: 0 }))
    this.#cursors.push(...added)
    yield { assigned: this.#cursors.map(({ name }) => name) }
    for (const [leader, led] of Map.groupBy(added, ({ index }) => this.#layout.leaders[index])) {
      if (leader !== undefined) this.#startLoop(leader, led)
    }
  }

  #startLoop(leader: BrokerAddress, cursors: readonly PartitionCursor[]): void {
    const { connection, config, topicId, readCommitted, fetchVersion: version } = this.#options
    const broker = new BrokerConnection(connection, this.#buffers)
    const { signal } = this.#stopped
    signal.addEventListener('abort', () => broker.close(), { once: true })
    const run = async () => {
      await broker.open(leader)
      await runFetchLoop(broker, cursors, { version, topic: config.topic, topicId, readCommitted }, this.#ahead, signal)
    }
    run().catch((error: unknown) => this.#ahead.fail(error))
  }

  /** Where partitions without a position begin, said at once: a restart must not look for `latest` anew. */
  *#pinned(from: Positions): Generator<SourceEvent> {
    for (const { name, nextOffset } of this.#cursors) {
      if (!from.has(name)) yield { progress: name, next: positionOf(nextOffset, this.#options.topicId) }
    }
  }

  async #lookForPartitions(): Promise<void> {
    const { client, config } = this.#options
    try {
      const layout = await client.topicLayout(config.topic)
      this.#assertSameTopic(layout)
      if (layout.topicId === this.#options.topicId && layout.leaders.length > this.#cursors.length) {
        this.#ahead.push(layout)
      }
    } catch (error) {
      this.#ahead.fail(error)
    }
  }

  /** Brokers that know no topic ids in Fetch go on under the old name with offsets that mean other records. */
  #assertSameTopic({ topicId: found }: TopicLayout): void {
    const { config, topicId: expected } = this.#options
    if (expected === undefined || found === undefined || expected === found) return
    throw new TopicRecreatedError({ topic: config.topic, expected, found })
  }

  async *#grow(layout: TopicLayout): AsyncGenerator<SourceEvent> {
    this.#layout = layout
    const indexes = layout.leaders.map((_, index) => index).slice(this.#cursors.length)
    const offsets = await this.#listOffsets(new Map(indexes.map((index) => [index, OFFSET_SPEC.earliest])))
    yield* this.#assign(offsets)
  }

  #listOffsets(asked: ReadonlyMap<number, number>): Promise<Map<number, number>> {
    const { client, config, readCommitted } = this.#options
    return client.listOffsets(config.topic, this.#layout, asked, readCommitted ? 1 : 0)
  }

  async #assertNoError({ errorCode, parts }: FetchedResponse): Promise<void> {
    assertNoError(errorCode)
    for (const part of parts) {
      if (part.fetched.errorCode !== 0) throw await this.#partitionError(part)
    }
  }

  async #partitionError({ cursor, fetched, from: offset }: FetchedPart): Promise<Error> {
    const { index, name: partition } = cursor
    if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
      const first = await this.#listOffsets(new Map([[index, OFFSET_SPEC.earliest]]))
      const end = await this.#listOffsets(new Map([[index, OFFSET_SPEC.latest]]))
      return new OffsetOutOfRangeError({ partition, offset, first: first.get(index) ?? 0, end: end.get(index) ?? 0 })
    }
    if (fetched.errorCode === CORRUPT_MESSAGE) {
      return new BatchCorruptError({ partition, offset, reason: 'the broker says CORRUPT_MESSAGE' })
    }
    return this.#options.client.translate(new ProtocolError(fetched.errorCode), `read ${partition}`)
  }
}
