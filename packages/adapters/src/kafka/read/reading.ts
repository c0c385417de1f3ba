import { setTimeout as sleep } from 'node:timers/promises'
import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { LogLine, Positions, SourceEvent } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import { type Layout, type PartitionPlace, partitionsOf } from '../client/layout.ts'
import { BROKER_AWAY_MS, Patience } from '../client/patience.ts'
import {
  assertNoError,
  CORRUPT_MESSAGE,
  isAnotherLeader,
  isUnknownTopic,
  mayPass,
  OFFSET_OUT_OF_RANGE,
  ProtocolError,
} from '../client/protocol-errors.ts'
import type { KafkaConnection, KafkaSourceConfig } from '../config.ts'
import { BatchCorruptError, LeaderChangedError } from '../errors.ts'
import type { TopicPartition } from '../groups/group-assignment.ts'
import { REBALANCE_MS } from '../groups/group-member.ts'
import type { GroupReader, GroupSession } from '../groups/group-session.ts'
import { listOffsetsOf, onceLed } from '../groups/offsets.ts'
import { type KafkaPosition, partitionName } from '../position.ts'
import { describeSubscription, type Subscription } from '../subscription.ts'
import type { FetchedPart, FetchedResponse } from './fetch-loop.ts'
import { findStarts, listStarts, withoutTruncated } from './find-starts.ts'
import { Leaders } from './leaders.ts'
import { planReset, type Reset } from './offset-reset.ts'
import { OpenPartitions } from './open-partitions.ts'
import { cursorAt, type PartitionCursor } from './partition-cursor.ts'
import { ReadAhead } from './read-ahead.ts'
import { type DecodeOptions, eventsOf } from './response-events.ts'
import { type Look, TopicWatch } from './topic-watch.ts'

/** Responses that may wait to be decoded, beside the one that is and the one under way. */
const RESPONSES_AHEAD = 1

/** Until the group, which has gone on without this process, has been joined again (ms). */
const LOST_PAUSE_MS = 200

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

/** What the group gave at a time. */
interface Share {
  readonly partitions: readonly TopicPartition[]
  /** Whether a partition is still this member's, by the same assignment. */
  readonly isCurrent: (partition: TopicPartition) => boolean
  readonly patience: Patience
}

interface MovedCursor {
  readonly cursor: PartitionCursor
  readonly failure: ProtocolError
}

/** Something to do between responses. */
type Work = () => AsyncGenerator<SourceEvent> | Generator<SourceEvent>

/** One `read` of the source, from its first event to its end. */
export class Reading implements GroupReader {
  readonly #options: ReadingOptions
  readonly #ahead = new ReadAhead<FetchedResponse | Work>(RESPONSES_AHEAD)
  readonly #stopped = new AbortController()
  readonly #leaders: Leaders<Work>
  readonly #topics: TopicWatch
  readonly #open: OpenPartitions
  #from: Positions = new Map()
  #silence: NodeJS.Timeout | undefined

  constructor(options: ReadingOptions) {
    this.#options = options
    const { subscription, client, layout, log } = options
    this.#open = new OpenPartitions(options)
    this.#topics = new TopicWatch({ subscription, client, layout, log })
    const { signal } = this.#stopped
    const look = () => this.#look()
    const readOn = (cursors: readonly PartitionCursor[]) => this.#readOn(cursors)
    this.#leaders = new Leaders({ ...options, signal, look, readOn }, this.#ahead)
  }

  /** The topics that are read, as they were last seen. */
  get layout(): Layout {
    return this.#topics.layout
  }

  /** At once: connections are closed, and `events` ends. */
  stop(): void {
    this.#stopped.abort()
    this.#ahead.end()
  }

  /** `from` is what the engine holds, and goes on as it reads. */
  async *events(from: Positions): AsyncGenerator<SourceEvent> {
    const { client, metadataMaxAgeMs, subscription, group } = this.#options
    this.#from = from
    const timer = setInterval(() => void this.#lookForTopics(), metadataMaxAgeMs)
    timer.unref()
    try {
      if (group === undefined) yield* this.#start()
      else {
        this.#awaitShare()
        group.begin(this)
      }
      for (let item = await this.#ahead.next(); item !== undefined; item = await this.#ahead.next()) {
        yield* typeof item === 'function' ? item() : this.#responseEvents(item)
      }
    } catch (error) {
      if (!this.#stopped.signal.aborted) throw client.translate(error, `read ${describeSubscription(subscription)}`)
    } finally {
      clearInterval(timer)
      clearTimeout(this.#silence)
      this.stop()
    }
  }

  takeUp(partitions: readonly TopicPartition[], isCurrent: (partition: TopicPartition) => boolean): void {
    this.#takeUpAs({ partitions, isCurrent, patience: new Patience() })
  }

  giveUp(partitions: readonly TopicPartition[] | undefined): Promise<void> {
    const names = partitions && new Set(partitions.map(({ topic, index }) => partitionName(topic, index)))
    const isConcerned = ({ name }: PartitionPlace) => names === undefined || names.has(name)
    this.#open.close(isConcerned)
    if (this.#stopped.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      this.#stopped.signal.addEventListener('abort', () => resolve(), { once: true })
      this.#ahead.push(() => this.#giveUpNow(isConcerned, partitions === undefined, resolve))
    })
  }

  fail(error: unknown): void {
    this.#ahead.fail(error)
  }

  async *#start(): AsyncGenerator<SourceEvent> {
    const { cursors, resets } = await findStarts(this.#options, this.#from, this.layout, () => true)
    yield* this.#assign(cursors)
    for (const [place, reset] of resets) yield this.#open.passOver(place, reset)
  }

  /** The group's next word says what is read; where there is none, because others have all partitions, that is nothing. */
  #awaitShare(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => {
      if (this.#open.isEmpty) this.#ahead.push(() => this.#assign([]))
    }, REBALANCE_MS)
    this.#silence.unref()
  }

  #takeUpAs(share: Share): void {
    this.#ahead.push(() => this.#takeUp(share))
  }

  async *#takeUp(share: Share): AsyncGenerator<SourceEvent> {
    const { group } = this.#options
    if (group === undefined) return
    const partitions = share.partitions.filter(share.isCurrent)
    if (!partitions.every((one) => this.#topics.knows(one))) yield* this.#changeTopics(await this.#topics.look())
    const names = new Set(partitions.map(({ topic, index }) => partitionName(topic, index)))
    try {
      const positions = await group.positions(partitionsOf(this.layout), this.#from)
      if (positions === undefined) return this.#takeUpLater(share, LOST_PAUSE_MS)
      const { cursors, resets } = await findStarts(this.#options, positions, this.layout, ({ name }) => names.has(name))
      if (!partitions.every(share.isCurrent)) return this.#takeUpAs(share)
      if (!(await group.claim(cursors, this.#from))) return this.#takeUpLater(share, LOST_PAUSE_MS)
      yield* this.#assign(cursors)
      for (const [place, reset] of resets) yield this.#open.passOver(place, reset)
    } catch (error) {
      const pause = mayPass(error) ? share.patience.failed(BROKER_AWAY_MS) : undefined
      if (pause === undefined) throw error
      this.#takeUpLater(share, pause.ms)
    }
  }

  #takeUpLater(share: Share, afterMs: number): void {
    const again = async () => {
      await sleep(afterMs, undefined, { signal: this.#stopped.signal })
      await this.#lookForTopics()
      this.#takeUpAs(share)
    }
    again().catch((error: unknown) => this.#ahead.fail(error))
  }

  *#giveUpNow(
    isConcerned: (place: PartitionPlace) => boolean,
    isRebalance: boolean,
    done: () => void,
  ): Generator<SourceEvent> {
    if (isRebalance) this.#awaitShare()
    yield* this.#open.giveUp(isConcerned, isRebalance)
    done()
  }

  /** Takes up partitions: they are assigned, and fetching from their leaders begins. */
  *#assign(added: readonly PartitionCursor[]): Generator<SourceEvent> {
    yield* this.#open.assign(added, this.#from)
    this.#leaders.read(added.filter(({ isGivenUp }) => !isGivenUp))
  }

  async *#responseEvents(response: FetchedResponse): AsyncGenerator<SourceEvent> {
    try {
      assertNoError(response.errorCode)
      const moved: MovedCursor[] = []
      for (const part of response.parts) if (part.fetched.errorCode !== 0) yield* this.#partitionError(part, moved)
      this.#leave(moved)
      for await (const event of eventsOf(response, this.#options)) {
        this.#open.gave(event)
        yield event
      }
    } finally {
      response.received.release()
    }
  }

  /** `moved` gets those that another leader, or the same one later, is to be asked for. */
  async *#partitionError(part: FetchedPart, moved: MovedCursor[]): AsyncGenerator<SourceEvent> {
    const { cursor, fetched, from: offset } = part
    const { place } = cursor
    const { errorCode } = fetched
    // An answer to what was asked before the cursor was moved.
    if (cursor.isGivenUp || cursor.nextOffset !== offset) return
    const failure = new ProtocolError(errorCode)
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      const reset = await this.#planReset(cursor)
      if (reset === undefined) moved.push({ cursor, failure })
      else {
        cursor.nextOffset = reset.offset
        cursor.leaderEpoch = -1
        yield this.#open.passOver(place, reset)
      }
    } else if (errorCode === CORRUPT_MESSAGE) {
      throw new BatchCorruptError({ partition: place.name, offset, reason: 'the broker says CORRUPT_MESSAGE' })
    } else if (isAnotherLeader(errorCode)) moved.push({ cursor, failure })
    else if (isUnknownTopic(errorCode)) {
      yield* this.#changeTopics(await this.#topics.look())
      if (!cursor.isGivenUp) moved.push({ cursor, failure })
    } else throw this.#options.client.translate(failure, `read ${place.name}`)
  }

  /** Goes on where these stand, at their leaders. */
  #leave(moved: readonly MovedCursor[]): void {
    const [first] = moved
    if (first === undefined) return
    const { cursor, failure } = first
    const details = { partition: cursor.place.name, reason: failure.message }
    const again = this.#open.renew(moved.map((one) => one.cursor))
    this.#leaders.seek(again, new LeaderChangedError(details, { cause: failure }))
  }

  /** Undefined where the leader holds the offset after all. */
  async #planReset({ place, nextOffset: offset }: PartitionCursor): Promise<Reset | undefined> {
    const { client, config } = this.#options
    const first = (await listOffsetsOf(client, new Map([[place, OFFSET_SPEC.earliest]]), 0)).get(place)?.offset ?? 0
    const end = (await listOffsetsOf(client, new Map([[place, OFFSET_SPEC.latest]]), 0)).get(place)?.offset ?? 0
    if (first <= offset && offset <= end) return undefined
    return planReset(config.offsetReset, { partition: place.name, offset, first, end })
  }

  /** Goes on at leaders that were found: where their logs lack what was read, as the configuration says. */
  async #readOn(cursors: readonly PartitionCursor[]): Promise<void> {
    const positions = new Map<PartitionPlace, KafkaPosition>(
      cursors.map(({ place, nextOffset: offset, leaderEpoch }) => [
        place,
        { offset, ...(leaderEpoch >= 0 && { leaderEpoch }) },
      ]),
    )
    const { resets } = await withoutTruncated(this.#options, positions)
    // Behind what was fetched before and waits to be decoded.
    if (resets.size > 0) this.#ahead.push(() => this.#readOnFrom(cursors, resets))
    else this.#leaders.read(cursors)
  }

  async *#readOnFrom(
    cursors: readonly PartitionCursor[],
    resets: ReadonlyMap<PartitionPlace, Reset>,
  ): AsyncGenerator<SourceEvent> {
    for (const cursor of cursors) {
      const reset = resets.get(cursor.place)
      if (cursor.isGivenUp || reset === undefined) continue
      cursor.nextOffset = reset.offset
      cursor.leaderEpoch = -1
      yield this.#open.passOver(cursor.place, reset)
    }
    this.#leaders.read(cursors.filter(({ isGivenUp }) => !isGivenUp))
  }

  async #lookForTopics(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      // Where that matters, whoever fetches finds it out too, and says so.
      if (!mayPass(error)) this.#ahead.fail(error)
    }
  }

  /** Looks at the cluster; what has changed is dealt with between responses. */
  async #look(): Promise<Layout> {
    const look = await this.#topics.look()
    if (this.#topics.hasChanged(look)) this.#ahead.push(() => this.#changeTopics(look))
    return look.layout
  }

  async *#changeTopics(look: Look): AsyncGenerator<SourceEvent> {
    const { group, log } = this.#options
    const { added, gone, recreated } = this.#topics.apply(look)
    yield* this.#open.giveUp((place) => !this.#topics.knows(place), false)
    if (added.length + gone.size + recreated.size > 0) group?.topicsChanged(gone, recreated)
    // In a group, who hands out the partitions hands out these too.
    if (added.length === 0 || group !== undefined) return
    log({ level: 'info', message: `new: ${added.map(({ name }) => name).join(', ')}` })
    const asked = new Map(added.map((place) => [place, OFFSET_SPEC.earliest]))
    const offsets = await onceLed(() => listStarts(this.#options, asked))
    yield* this.#assign(offsets.map(([place, { offset }]) => cursorAt(place, offset, -1)))
  }
}
