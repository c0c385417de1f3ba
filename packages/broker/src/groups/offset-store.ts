import path from 'node:path'
import type { FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { Journal } from '../storage/journal.ts'

export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

/** One partition's offset, as a commit carries it and the journal keeps it. */
export interface PartitionOffset extends CommittedOffset {
  readonly topic: string
  readonly partition: number
}

type Change =
  | { readonly kind: 'committed'; readonly group: string; readonly offsets: readonly PartitionOffset[] }
  | { readonly kind: 'groupDeleted'; readonly group: string }
  | { readonly kind: 'topicDeleted'; readonly topic: string }

/** By topic, then by partition. */
type GroupOffsets = Map<string, Map<number, CommittedOffset>>

/** The offsets that groups have committed, kept in a journal: a commit that was answered outlives the process. */
export class OffsetStore {
  readonly #groups = new Map<string, GroupOffsets>()
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

  async deleteGroup(group: string): Promise<void> {
    if (this.#groups.has(group)) await this.#journal?.append({ kind: 'groupDeleted', group })
  }

  /** Forgets what groups have committed for a topic that is gone. */
  async deleteTopic(topic: string): Promise<void> {
    const isKnown = [...this.#groups.values()].some((offsets) => offsets.has(topic))
    if (isKnown) await this.#journal?.append({ kind: 'topicDeleted', topic })
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(change: Change): void {
    if (change.kind === 'groupDeleted') this.#groups.delete(change.group)
    else if (change.kind === 'topicDeleted') for (const offsets of this.#groups.values()) offsets.delete(change.topic)
    else for (const offset of change.offsets) this.#set(change.group, offset)
  }

  #set(group: string, { topic, partition, ...committed }: PartitionOffset): void {
    const offsets = entryOf(this.#groups, group, () => new Map() as GroupOffsets)
    entryOf(offsets, topic, () => new Map<number, CommittedOffset>()).set(partition, committed)
  }

  *#snapshot(): Generator<Change> {
    for (const group of this.#groups.keys()) yield { kind: 'committed', group, offsets: this.list(group) }
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
