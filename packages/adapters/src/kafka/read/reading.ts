import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { LogLine, Positions, SourceEvent } from '@headrace/core'
import { BrokerConnection } from '../client/broker-connection.ts'
import type { KafkaClient } from '../client/client.ts'
import {
  isAnother,
  type Layout,
  layoutChange,
  type PartitionPlace,
  partitionsOf,
  type TopicLayout,
} from '../client/layout.ts'
import {
  assertNoError,
  CORRUPT_MESSAGE,
  isAnotherLeader,
  isUnknownTopic,
  OFFSET_OUT_OF_RANGE,
  ProtocolError,
} from '../client/protocol-errors.ts'
import { ResponseBufferPool } from '../client/response-receiver.ts'
import type { KafkaConnection, KafkaSourceConfig } from '../config.ts'
import { BatchCorruptError, LeaderChangedError, TopicDeletedError, TopicRecreatedError } from '../errors.ts'
import type { TopicPartition } from '../groups/group-assignment.ts'
import type { GroupReader, GroupSession } from '../groups/group-session.ts'
import { type EpochOffset, endsOfEpochs, listOffsetsOf, onceLed } from '../groups/offsets.ts'
import { type KafkaPosition, parsePosition, partitionName, positionOf } from '../position.ts'
import { describeSubscription, type Subscription } from '../subscription.ts'
import { type FetchedPart, type FetchedResponse, FetchLoop, RESPONSE_BYTES } from './fetch-loop.ts'
import { planReset, planTruncated, type Reset } from './offset-reset.ts'
import { cursorAt, type PartitionCursor } from './partition-cursor.ts'
import { ReadAhead } from './read-ahead.ts'
import { type DecodeOptions, eventsOf } from './response-events.ts'
import { planStart } from './start.ts'

/** Responses that may wait to be decoded, beside the one that is and the one under way. */
const RESPONSES_AHEAD = 1

/** A response also holds what lies around its records. */
const RESPONSE_OVERHEAD_BYTES = 64 * 1024

interface ReadingOptions extends DecodeOptions {
  readonly config: KafkaSourceConfig
  readonly subscription: Subscription
  readonly connection: KafkaConnection
  readonly client: KafkaClient
  readonly layout: Layout
  readonly fetchVersion: number
  /** How often to ask whether there are more topics and partitions (ms). */
  readonly metadataMaxAgeMs: number
  readonly log: (line: LogLine) => void
  /** Hands out the partitions; without it, all are read. */
  readonly group: GroupSession | undefined
}

/** Something to do between responses. */
type Work = () => AsyncGenerator<SourceEvent>

/** One `read` of the source, from its first event to its end. */
export class Reading implements GroupReader {
  readonly #options: ReadingOptions
  readonly #buffers = new ResponseBufferPool(RESPONSE_BYTES + RESPONSE_OVERHEAD_BYTES)
  readonly #ahead = new ReadAhead<FetchedResponse | Work>(RESPONSES_AHEAD)
  readonly #stopped = new AbortController()
  readonly #loops = new Map<string, FetchLoop>()
  #cursors: readonly PartitionCursor[] = []
  #layout: Layout
  #from: Positions = new Map()

  constructor(options: ReadingOptions) {
    this.#options = options
    this.#layout = options.layout
  }

  /** The topics that are read, as they were last seen. */
  get layout(): Layout {
    return this.#layout
  }

  /** At once: connections are closed, and `events` ends. */
  stop(): void {
    this.#stopped.abort()
    this.#ahead.end()
  }

  async *events(from: Positions): AsyncGenerator<SourceEvent> {
    const { client, metadataMaxAgeMs, subscription, group } = this.#options
    const timer = setInterval(() => void this.#lookForTopics(), metadataMaxAgeMs)
    timer.unref()
    try {
      if (group === undefined) yield* this.#start(from)
      else yield* this.#startInGroup(group, from)
      for (let item = await this.#ahead.next(); item !== undefined; item = await this.#ahead.next()) {
        yield* typeof item === 'function' ? item() : this.#responseEvents(item)
      }
    } catch (error) {
      if (!this.#stopped.signal.aborted) throw client.translate(error, `read ${describeSubscription(subscription)}`)
    } finally {
      clearInterval(timer)
      this.stop()
    }
  }

  takeUp(partitions: readonly TopicPartition[], isCurrent: (partition: TopicPartition) => boolean): void {
    this.#ahead.push(() => this.#takeUp(partitions, isCurrent))
  }

  giveUp(partitions: readonly TopicPartition[] | undefined): Promise<void> {
    const names = partitions && new Set(partitions.map(({ topic, index }) => partitionName(topic, index)))
    const isConcerned = ({ name }: PartitionPlace) => names === undefined || names.has(name)
    // What has been fetched of them is not given out any more, whatever waits before this one's turn.
    for (const cursor of this.#cursors) if (isConcerned(cursor.place)) cursor.isGivenUp = true
    if (this.#stopped.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      this.#stopped.signal.addEventListener('abort', () => resolve(), { once: true })
      this.#ahead.push(() => this.#giveUpNow(isConcerned, resolve))
    })
  }

  fail(error: unknown): void {
    this.#ahead.fail(error)
  }

  async *#startInGroup(group: GroupSession, from: Positions): AsyncGenerator<SourceEvent> {
    this.#from = from
    yield { assigned: [] }
    group.begin(this)
  }

  async *#takeUp(
    given: readonly TopicPartition[],
    isCurrent: (partition: TopicPartition) => boolean,
  ): AsyncGenerator<SourceEvent> {
    const { group } = this.#options
    if (group === undefined) return
    const partitions = given.filter(isCurrent)
    const missing = ({ topic, index }: TopicPartition) => this.#layout.get(topic)?.partitions[index] === undefined
    if (partitions.some(missing)) this.#layout = await this.#describe()
    const positions = await group.positions(partitionsOf(this.#layout), this.#from)
    const names = new Set(partitions.map(({ topic, index }) => partitionName(topic, index)))
    const { cursors, resets } = await onceLed(() => this.#cursorsAt(positions, ({ name }) => names.has(name)))
    if (!partitions.every(isCurrent)) return this.takeUp(partitions, isCurrent)
    await group.claim(cursors)
    yield* this.#assign(cursors)
    for (const [place, reset] of resets) yield this.#passOver(place, reset)
    group.begun()
  }

  async *#giveUpNow(isConcerned: (place: PartitionPlace) => boolean, done: () => void): AsyncGenerator<SourceEvent> {
    yield* this.#giveUp(isConcerned)
    done()
  }

  async *#start(from: Positions): AsyncGenerator<SourceEvent> {
    const { config } = this.#options
    const { cursors, resets } = await this.#cursorsAt(from, () => true)
    yield* this.#assign(cursors)
    // Said at once: a restart must not look for `latest` anew.
    if (config.start !== 'earliest') {
      for (const { place, nextOffset, leaderEpoch } of cursors) {
        if (!from.has(place.name)) yield progress(place, nextOffset, leaderEpoch)
      }
    }
    for (const [place, reset] of resets) yield this.#passOver(place, reset)
  }

  /** Where these partitions are to be read from, and which of them were set back. */
  async #cursorsAt(positions: Positions, isWanted: (place: PartitionPlace) => boolean) {
    const { offsets, asked } = planStart(this.#options.config, positions, this.#layout)
    const wanted = <T>(map: ReadonlyMap<PartitionPlace, T>) => new Map([...map].filter(([place]) => isWanted(place)))
    const { kept, resets } = await this.#withoutTruncated(wanted(offsets))
    const cursors = [...kept, ...(await this.#listed(wanted(asked)))].map(([place, { offset, leaderEpoch }]) =>
      cursorAt(place, offset, leaderEpoch),
    )
    return { cursors, resets }
  }

  /** The known offsets, those of truncated logs set back to where the logs part. */
  async #withoutTruncated(offsets: ReadonlyMap<PartitionPlace, KafkaPosition>) {
    const { client, config } = this.#options
    const kept = new Map<PartitionPlace, EpochOffset>()
    const resets = new Map<PartitionPlace, Reset>()
    const epochs = [...offsets].flatMap(([place, { leaderEpoch }]) =>
      leaderEpoch === undefined || place.leaderEpoch < 0 ? [] : [[place, leaderEpoch] as const],
    )
    const ends = await endsOfEpochs(client, new Map(epochs))
    for (const [place, position] of offsets) {
      const end = ends.get(place)
      const reset = end && planTruncated(config.offsetReset, place.name, position, end)
      if (reset !== undefined) resets.set(place, reset)
      const { offset, leaderEpoch = -1 } = position
      kept.set(place, reset === undefined ? { offset, leaderEpoch } : { offset: reset.offset, leaderEpoch: -1 })
    }
    return { kept, resets }
  }

  /** Offsets from the brokers; a time after the last record means the end. No record comes before them: no epoch yet. */
  async #listed(
    asked: ReadonlyMap<PartitionPlace, number>,
  ): Promise<readonly (readonly [PartitionPlace, EpochOffset])[]> {
    const listed = await this.#listOffsets(asked)
    const behindTheEnd = [...listed].filter(([, { offset }]) => offset < 0)
    const ends = await this.#listOffsets(new Map(behindTheEnd.map(([place]) => [place, OFFSET_SPEC.latest])))
    return [...listed, ...ends]
      .filter(([, { offset }]) => offset >= 0)
      .map(([place, { offset }]) => [place, { offset, leaderEpoch: -1 }] as const)
  }

  /** Takes up partitions: they are assigned, and fetching from their leaders begins. */
  *#assign(added: readonly PartitionCursor[]): Generator<SourceEvent> {
    this.#cursors = [...this.#cursors, ...added]
    yield { assigned: this.#cursors.map(({ place }) => place.name) }
    for (const [key, led] of Map.groupBy(added, ({ place: { leader } }) => `${leader.host}:${leader.port}`)) {
      this.#loopOf(key, (led[0] as PartitionCursor).place).add(led)
    }
  }

  #loopOf(key: string, { leader }: PartitionPlace): FetchLoop {
    const running = this.#loops.get(key)
    if (running !== undefined) return running
    const { connection, readCommitted, fetchVersion: version } = this.#options
    const loop = new FetchLoop({ version, readCommitted }, this.#ahead)
    this.#loops.set(key, loop)
    const broker = new BrokerConnection(connection, this.#buffers)
    const { signal } = this.#stopped
    signal.addEventListener('abort', () => broker.close(), { once: true })
    const run = async () => {
      await broker.open(leader)
      await loop.run(broker, signal)
    }
    run().catch((error: unknown) => this.#ahead.fail(error))
    return loop
  }

  /** Gives up partitions: nothing more of them comes out. */
  *#giveUp(isGone: (place: PartitionPlace) => boolean): Generator<SourceEvent> {
    const gone = this.#cursors.filter(({ place }) => isGone(place))
    for (const cursor of gone) cursor.isGivenUp = true
    this.#cursors = this.#cursors.filter(({ isGivenUp }) => !isGivenUp)
    if (gone.length > 0) yield { revoked: gone.map(({ place }) => place.name), done: () => undefined }
  }

  async *#responseEvents(response: FetchedResponse): AsyncGenerator<SourceEvent> {
    try {
      assertNoError(response.errorCode)
      for (const part of response.parts) if (part.fetched.errorCode !== 0) yield* this.#partitionError(part)
      for await (const event of eventsOf(response, this.#options)) {
        this.#noteGiven(event)
        yield event
      }
    } finally {
      response.received.release()
    }
  }

  #noteGiven(event: SourceEvent): void {
    const { group } = this.#options
    if (group === undefined) return
    if ('block' in event) group.gave(event.block.partition, parsePosition(event.block.next).offset)
    else if ('progress' in event) group.gave(event.progress, parsePosition(event.next).offset)
  }

  async *#partitionError({ cursor, fetched, from: offset }: FetchedPart): AsyncGenerator<SourceEvent> {
    const { place } = cursor
    const { errorCode } = fetched
    // An answer to what was asked before the cursor was moved.
    if (cursor.isGivenUp || cursor.nextOffset !== offset) return
    const failure = new ProtocolError(errorCode)
    if (errorCode === OFFSET_OUT_OF_RANGE) yield await this.#resetOffset(cursor)
    else if (errorCode === CORRUPT_MESSAGE) {
      throw new BatchCorruptError({ partition: place.name, offset, reason: 'the broker says CORRUPT_MESSAGE' })
    } else if (isAnotherLeader(errorCode)) throw leaderChanged(place, failure)
    else if (isUnknownTopic(errorCode)) {
      yield* this.#changeLayout(await this.#describe())
      if (!cursor.isGivenUp) throw leaderChanged(place, failure)
    } else throw this.#options.client.translate(failure, `read ${place.name}`)
  }

  async #resetOffset(cursor: PartitionCursor): Promise<SourceEvent> {
    const { client, config } = this.#options
    const { place, nextOffset: offset } = cursor
    const first = (await listOffsetsOf(client, new Map([[place, OFFSET_SPEC.earliest]]), 0)).get(place)?.offset ?? 0
    const end = (await listOffsetsOf(client, new Map([[place, OFFSET_SPEC.latest]]), 0)).get(place)?.offset ?? 0
    if (first <= offset && offset <= end) throw leaderChanged(place, new ProtocolError(OFFSET_OUT_OF_RANGE))
    const reset = planReset(config.offsetReset, { partition: place.name, offset, first, end })
    cursor.nextOffset = reset.offset
    cursor.leaderEpoch = -1
    return this.#passOver(place, reset)
  }

  #passOver(place: PartitionPlace, { offset, skipped, reason }: Reset): SourceEvent {
    const { log, config, group } = this.#options
    group?.gave(place.name, offset)
    log({
      level: 'warn',
      code: reason.code,
      message: `${reason.message}; as \`offsetReset: ${config.offsetReset}\` says, reading goes on at ${offset}, ${skipped} are passed over`,
    })
    return { skipped: place.name, records: skipped, next: positionOf(offset, place.topicId, -1) }
  }

  async #lookForTopics(): Promise<void> {
    try {
      const now = await this.#describe()
      const { added, deleted, recreated } = layoutChange(this.#layout, now)
      if (added.length + deleted.length + recreated.length > 0) this.#ahead.push(() => this.#changeLayout(now))
    } catch (error) {
      this.#ahead.fail(error)
    }
  }

  #describe(): Promise<Layout> {
    const { client, subscription } = this.#options
    return client.describeTopics('pattern' in subscription ? subscription.pattern : subscription.names)
  }

  async *#changeLayout(now: Layout): AsyncGenerator<SourceEvent> {
    const { subscription, log } = this.#options
    const { added, deleted, recreated } = layoutChange(this.#layout, now)
    for (const one of recreated) assertSame(one.before, one.now)
    for (const { topic } of deleted) {
      if (!('pattern' in subscription)) throw new TopicDeletedError({ topic })
      log({ level: 'warn', code: 'KAFKA_TOPIC_DELETED', message: `topic "${topic}" was deleted: it is read no more` })
    }
    this.#layout = now
    yield* this.#giveUp(({ topic }) => !now.has(topic))
    this.#options.group?.topicsChanged()
    // In a group, who hands out the partitions hands out these too.
    if (added.length === 0 || this.#options.group !== undefined) return
    log({ level: 'info', message: `new: ${added.map(({ name }) => name).join(', ')}` })
    const offsets = await onceLed(() => this.#listed(new Map(added.map((place) => [place, OFFSET_SPEC.earliest]))))
    yield* this.#assign(offsets.map(([place, { offset }]) => cursorAt(place, offset, -1)))
  }

  #listOffsets(asked: ReadonlyMap<PartitionPlace, number>): Promise<Map<PartitionPlace, EpochOffset>> {
    return listOffsetsOf(this.#options.client, asked, this.#options.readCommitted ? 1 : 0)
  }
}

function progress({ name, topicId }: PartitionPlace, offset: number, leaderEpoch: number): SourceEvent {
  return { progress: name, next: positionOf(offset, topicId, leaderEpoch) }
}

function leaderChanged({ name }: PartitionPlace, { message }: ProtocolError): LeaderChangedError {
  return new LeaderChangedError({ partition: name, reason: message })
}

/** Brokers that know no topic ids in Fetch go on under the old name with offsets that mean other records. */
function assertSame({ topic, topicId: expected }: TopicLayout, { topicId: found }: TopicLayout): void {
  if (expected === undefined || found === undefined || !isAnother(expected, found)) return
  throw new TopicRecreatedError({ topic, expected, found })
}
