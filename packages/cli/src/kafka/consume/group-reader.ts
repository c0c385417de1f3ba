import {
  type GroupReader,
  GroupSession,
  KafkaClient,
  type Layout,
  layoutChange,
  type PartitionPlace,
  parsePosition,
  positionOf,
  type TopicPartition,
} from '@headrace/adapters/kafka-groups'
import type { LogLine, Position } from '@headrace/core'
import { type OffsetRange, offsetRanges } from '../admin/offsets.ts'
import type { KafkaCluster } from '../cluster.ts'
import { type RecordTarget, readFrom } from './topic-reader.ts'

/** How often it is looked for new partitions (ms). */
const LOOK_EVERY_MS = 10_000

const SESSION_TIMEOUT_MS = 45_000

const NOTHING: OffsetRange = { first: 0, end: 0 }

export interface GroupReadOptions {
  readonly group: string
  readonly protocol: 'classic' | 'consumer'
  readonly topic: string
  /** Where a partition begins of which the group has committed nothing, or nothing that is still there. */
  readonly fromBeginning: boolean
  readonly readCommitted: boolean
  readonly signal: AbortSignal
  /** Told of what a person may want to know meanwhile. */
  readonly onNote: (text: string) => void
}

/** Reads a topic as a member of a group; what has been written out is committed. Throws the catalogue's errors. */
export async function readAsGroup(
  cluster: KafkaCluster,
  options: GroupReadOptions,
  target: RecordTarget,
): Promise<void> {
  // The first group of a cluster waits until there is a topic for its offsets: that is nothing to be told of.
  await cluster.patiently(`find the coordinator of group "${options.group}"`, () => cluster.coordinator(options.group))
  const [client, memberClient] = [new KafkaClient(cluster.connection), new KafkaClient(cluster.connection)]
  const topic = new WatchedTopic(client, options.topic)
  try {
    await Promise.all([client.connect(), memberClient.connect()])
    const session = new GroupSession({
      groupId: options.group,
      client,
      memberClient,
      protocol: options.protocol,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      incarnation: cluster.connection.clientId,
      describe: () => topic.describe(),
      log: warningsTo(options.onNote),
    })
    topic.tell(session)
    await new GroupReading(cluster, client, session, options, target).run()
  } finally {
    topic.close()
    client.close()
    memberClient.close()
  }
}

/** New partitions are shared out among the members when one of them says that there are some. */
class WatchedTopic {
  readonly #client: KafkaClient
  readonly #name: string
  #known: Layout = new Map()
  #timer: NodeJS.Timeout | undefined

  constructor(client: KafkaClient, name: string) {
    this.#client = client
    this.#name = name
  }

  async describe(): Promise<Layout> {
    this.#known = await this.#client.describeTopics([this.#name])
    return this.#known
  }

  tell(session: GroupSession): void {
    this.#timer = setInterval(async () => {
      const before = this.#known
      const now = await this.describe().catch(() => before)
      const { added, deleted, recreated } = layoutChange(before, now)
      if (added.length + deleted.length + recreated.length === 0) return
      const gone = new Set(deleted.map(({ topic }) => topic))
      session.topicsChanged(gone, new Set(recreated.map((one) => one.now.topic)))
    }, LOOK_EVERY_MS)
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** One reading after the other, each of the partitions that are this member's until that changes. */
class GroupReading implements GroupReader {
  readonly #cluster: KafkaCluster
  readonly #client: KafkaClient
  readonly #session: GroupSession
  readonly #options: GroupReadOptions
  readonly #target: RecordTarget
  /** By number, the partitions that are read, and the offset of the next record to be written out. */
  readonly #share = new Map<number, { readonly place: PartitionPlace; next: number }>()
  readonly #over = Promise.withResolvers<void>()
  #round = new AbortController()
  #reading: Promise<void> = Promise.resolve()
  #changes: Promise<void> = Promise.resolve()
  #isOver = false

  constructor(
    cluster: KafkaCluster,
    client: KafkaClient,
    session: GroupSession,
    options: GroupReadOptions,
    target: RecordTarget,
  ) {
    this.#cluster = cluster
    this.#client = client
    this.#session = session
    this.#options = options
    this.#target = target
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    const stop = () => this.#over.resolve()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      this.#session.begin(this)
      await this.#over.promise
    } finally {
      signal.removeEventListener('abort', stop)
      this.#isOver = true
      await this.giveUp(undefined)
      await this.#session.close()
    }
  }

  takeUp(partitions: readonly TopicPartition[], isCurrent: (partition: TopicPartition) => boolean): void {
    void this.#change(async () => {
      const wanted = partitions.filter(isCurrent).map(({ index }) => index)
      const layout = await this.#client.topicLayout(this.#options.topic)
      const places = layout.partitions.filter(({ index }) => wanted.includes(index))
      const cursors = await this.#cursors(places)
      if (cursors === undefined || !(await this.#session.claim(cursors, new Map()))) return
      for (const { place, nextOffset } of cursors)
        if (isCurrent(place)) this.#share.set(place.index, { place, next: nextOffset })
    })
  }

  giveUp(partitions: readonly TopicPartition[] | undefined): Promise<void> {
    return this.#change(() => {
      for (const index of partitions?.map((one) => one.index) ?? [...this.#share.keys()]) this.#share.delete(index)
    })
  }

  fail(error: unknown): void {
    this.#over.reject(error)
  }

  /** Ends the reading under way, whose records are written out and committed, and begins another with what is different. */
  #change(alter: () => Promise<void> | void): Promise<void> {
    this.#round.abort()
    this.#changes = this.#changes
      .then(() => this.#reading)
      .then(alter)
      .catch((error: unknown) => this.fail(error))
      .then(() => this.#readOn())
    return this.#changes
  }

  #readOn(): void {
    if (this.#isOver || this.#share.size === 0) return
    const { topic, readCommitted } = this.#options
    const round = new AbortController()
    this.#round = round
    const cursors = [...this.#share].map(([partition, { next }]) => ({ partition, next, end: undefined }))
    const options = { topic, readCommitted, signal: round.signal }
    this.#reading = readFrom(this.#cluster, options, cursors, this.#committing(this.#target)).then(
      () => (round.signal.aborted ? undefined : this.#over.resolve()),
      (error: unknown) => this.fail(error),
    )
  }

  /** Commits what the target has written out. */
  #committing(target: RecordTarget): RecordTarget {
    let partition = -1
    let next = 0
    return {
      record: (view) => {
        partition = view.partition
        next = view.offset + 1
        return target.record(view)
      },
      flush: async () => {
        await target.flush()
        const own = this.#share.get(partition)
        if (own === undefined || own.next >= next) return
        own.next = next
        const { name, topicId } = own.place
        this.#session.gave(name, next)
        await this.#session.acknowledge(new Map([[name, positionOf(next, topicId, -1)]]))
      },
    }
  }

  /** Where the group is in these partitions; undefined if it has gone on without this member. */
  async #cursors(places: readonly PartitionPlace[]) {
    const { topic: name, fromBeginning, readCommitted } = this.#options
    const topic = await this.#cluster.topic(name)
    const [positions, held, visible] = await Promise.all([
      this.#session.positions(places, new Map()),
      offsetRanges(this.#cluster, topic),
      offsetRanges(this.#cluster, topic, readCommitted ? 1 : 0),
    ])
    return (
      positions &&
      places.map((place) => {
        const known = positions.get(place.name)
        const range = held.get(place.index)
        if (known !== undefined && range !== undefined && isIn(range, place, known))
          return { place, nextOffset: parsePosition(known).offset }
        const { first, end } = visible.get(place.index) ?? NOTHING
        return { place, nextOffset: fromBeginning ? first : end }
      })
    )
  }
}

/** Whether a partition still goes on from there: its records may be gone, or the topic be another of the same name. */
function isIn({ first, end }: OffsetRange, place: PartitionPlace, position: Position): boolean {
  const { offset, topicId = place.topicId } = parsePosition(position)
  return topicId === place.topicId && offset >= first && offset <= end
}

/** A coordinator that makes one wait says so at once and then in growing intervals: what is over after the first is no news. */
function warningsTo(note: (text: string) => void) {
  let waits = 0
  return ({ level, code, message }: LogLine) => {
    if (level === 'warn' && (code === undefined || ++waits > 1)) note(message)
  }
}
