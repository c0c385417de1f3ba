import path from 'node:path'
import type { FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { Journal } from '../storage/journal.ts'

export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** When it was committed: ms since the epoch. */
  readonly committedAt: number
  /** Until when it is to be kept, where whoever committed it said so: ms since the epoch. */
  readonly expiresAt?: number
}

/** One partition's offset, as a commit carries it and the journal keeps it. */
export interface PartitionOffset extends CommittedOffset {
  readonly topic: string
  readonly partition: number
}

interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

type Change =
  | { readonly kind: 'committed'; readonly group: string; readonly offsets: readonly PartitionOffset[] }
  | {
      readonly kind: 'pending'
      readonly group: string
      readonly producerId: number
      readonly offsets: readonly PartitionOffset[]
    }
  | {
      readonly kind: 'ended'
      readonly group: string
      readonly producerId: number
      readonly outcome: 'commit' | 'abort'
    }
  | { readonly kind: 'offsetsDeleted'; readonly group: string; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'groupDeleted'; readonly group: string }
  | { readonly kind: 'topicDeleted'; readonly topic: string }

/** By topic, then by partition. */
type GroupOffsets = Map<string, Map<number, CommittedOffset>>

/** Offsets that a transaction which is still open has committed for one group. */
interface PendingOffsets {
  readonly group: string
  readonly producerId: number
  readonly offsets: readonly PartitionOffset[]
}

/**
 * The offsets that groups have committed, kept in a journal: a commit that was answered outlives the process. What is committed within a
 * transaction waits until that has ended.
 */
export class OffsetStore {
  readonly #groups = new Map<string, GroupOffsets>()
  #pending: readonly PendingOffsets[] = []
  #journal: Journal<Change> | undefined

  static async open(dataDir: string, storage: { fsync: FsyncPolicy; flusher: IntervalFlusher }): Promise<OffsetStore> {
    const store = new OffsetStore()
    store.#journal = await Journal.open<Change>({
      file: path.join(dataDir, 'group-offsets'),
      ...storage,
      apply: (change) => store.#apply(change),
      snapshot: () => store.#snapshot(),
    })
    return store
  }

  get groupIds(): string[] {
    return [...this.#groups.keys()]
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition)
  }

  /** All offsets of a group. */
  list(group: string): PartitionOffset[] {
    return [...(this.#groups.get(group) ?? [])].flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, committed]) => ({ topic, partition, ...committed })),
    )
  }

  /** Resolves when the offsets are written. */
  async commit(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length > 0) await this.#journal?.append({ kind: 'committed', group, offsets })
  }

  /** Keeps offsets that a transaction commits until it ends. Resolves when they are written. */
  async commitPending(group: string, producerId: number, offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length > 0) await this.#journal?.append({ kind: 'pending', group, producerId, offsets })
  }

  /** Ends a producer's transaction for a group: what it has committed is so from now on, or never was. */
  async endPending(group: string, producerId: number, outcome: 'commit' | 'abort'): Promise<void> {
    // Even where nothing seems to be pending: offsets may be on their way into the journal.
    await this.#journal?.append({ kind: 'ended', group, producerId, outcome })
  }

  /** Who has offsets pending, and for which groups. */
  get pending(): readonly Pick<PendingOffsets, 'group' | 'producerId'>[] {
    return this.#pending
  }

  /** Whether a transaction that is open commits an offset for that partition. */
  isPending(group: string, topic: string, partition: number): boolean {
    return this.#pending.some(
      (pending) =>
        pending.group === group &&
        pending.offsets.some((offset) => offset.topic === topic && offset.partition === partition),
    )
  }

  /** Forgets single offsets; what transactions have pending for them stays. */
  async delete(group: string, partitions: readonly TopicPartition[]): Promise<void> {
    const known = partitions
      .filter(({ topic, partition }) => this.get(group, topic, partition) !== undefined)
      .map(({ topic, partition }) => ({ topic, partition }))
    if (known.length > 0) await this.#journal?.append({ kind: 'offsetsDeleted', group, partitions: known })
  }

  /** Whether a group has offsets, or will have when a transaction ends. */
  hasAny(group: string): boolean {
    return this.list(group).length > 0 || this.#pending.some((pending) => pending.group === group)
  }

  async deleteGroup(group: string): Promise<void> {
    const isKnown = this.#groups.has(group) || this.#pending.some((pending) => pending.group === group)
    if (isKnown) await this.#journal?.append({ kind: 'groupDeleted', group })
  }

  /** The topics that groups have committed offsets for. */
  get topics(): ReadonlySet<string> {
    const pending = this.#pending.flatMap(({ offsets }) => offsets.map(({ topic }) => topic))
    return new Set([...[...this.#groups.values()].flatMap((offsets) => [...offsets.keys()]), ...pending])
  }

  /** Forgets what groups have committed for a topic that is gone. */
  async deleteTopic(topic: string): Promise<void> {
    const isKnown =
      [...this.#groups.values()].some((offsets) => offsets.has(topic)) ||
      this.#pending.some(({ offsets }) => offsets.some((offset) => offset.topic === topic))
    if (isKnown) await this.#journal?.append({ kind: 'topicDeleted', topic })
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'committed':
        for (const offset of change.offsets) this.#set(change.group, offset)
        break
      case 'pending':
        this.#pending = [...this.#pending, pendingOf(change)]
        break
      case 'ended':
        this.#end(change.group, change.producerId, change.outcome)
        break
      case 'offsetsDeleted':
        for (const { topic, partition } of change.partitions)
          this.#groups.get(change.group)?.get(topic)?.delete(partition)
        break
      case 'groupDeleted':
        this.#groups.delete(change.group)
        this.#pending = this.#pending.filter((pending) => pending.group !== change.group)
        break
      case 'topicDeleted':
        for (const offsets of this.#groups.values()) offsets.delete(change.topic)
        this.#pending = this.#pending.map((pending) => ({
          ...pending,
          offsets: pending.offsets.filter(({ topic }) => topic !== change.topic),
        }))
    }
  }

  #end(group: string, producerId: number, outcome: 'commit' | 'abort'): void {
    const ended = this.#pending.filter((pending) => isOf(pending, group, producerId))
    this.#pending = this.#pending.filter((pending) => !ended.includes(pending))
    if (outcome === 'commit') for (const offset of ended.flatMap(({ offsets }) => offsets)) this.#set(group, offset)
  }

  #set(group: string, { topic, partition, ...committed }: PartitionOffset): void {
    const offsets = entryOf(this.#groups, group, () => new Map() as GroupOffsets)
    entryOf(offsets, topic, () => new Map<number, CommittedOffset>()).set(partition, committed)
  }

  *#snapshot(): Generator<Change> {
    for (const group of this.#groups.keys()) yield { kind: 'committed', group, offsets: this.list(group) }
    for (const pending of this.#pending) yield { kind: 'pending', ...pending }
  }
}

function pendingOf({ group, producerId, offsets }: PendingOffsets): PendingOffsets {
  return { group, producerId, offsets }
}

function isOf(pending: PendingOffsets, group: string, producerId: number): boolean {
  return pending.group === group && pending.producerId === producerId
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
