import path from 'node:path'
import type { FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { Journal } from '../storage/journal.ts'
import type { StoredClassicGroup } from './classic/stored-group.ts'
import type { ConsumerGroupState } from './consumer/group-state.ts'
import { type ConsumerGroupChange, changeBetween, withChange } from './consumer/stored-group.ts'

type Change =
  | ({ readonly kind: 'consumer' } & ConsumerGroupChange)
  | { readonly kind: 'classic'; readonly group: string; readonly state: StoredClassicGroup }
  | { readonly kind: 'deleted'; readonly group: string }

/** Groups as they have to be known after a restart, kept in a journal: what a member was told outlives the process. */
export class GroupStore {
  readonly #consumerGroups = new Map<string, ConsumerGroupState>()
  readonly #classicGroups = new Map<string, StoredClassicGroup>()
  #journal: Journal<Change> | undefined

  static async open(dataDir: string, storage: { fsync: FsyncPolicy; flusher: IntervalFlusher }): Promise<GroupStore> {
    const store = new GroupStore()
    store.#journal = await Journal.open<Change>({
      file: path.join(dataDir, 'groups'),
      ...storage,
      apply: (change) => store.#apply(change),
      snapshot: () => store.#snapshot(),
    })
    return store
  }

  /** The consumer groups (KIP-848) by id, as they were last written. */
  get consumerGroups(): ReadonlyMap<string, ConsumerGroupState> {
    return this.#consumerGroups
  }

  /** The classic groups by id, as they were last written. */
  get classicGroups(): ReadonlyMap<string, StoredClassicGroup> {
    return this.#classicGroups
  }

  /** Resolves when it is written. */
  async writeClassicGroup(group: string, state: StoredClassicGroup): Promise<void> {
    await this.#journal?.append({ kind: 'classic', group, state })
  }

  /** Resolves when what makes `after` of `before` is written, or all of it where it is not known what was: `before` is undefined then. */
  async writeConsumerGroup(
    group: string,
    before: ConsumerGroupState | undefined,
    after: ConsumerGroupState,
  ): Promise<void> {
    if (before !== after) await this.#journal?.append({ kind: 'consumer', ...changeBetween(group, before, after) })
  }

  async delete(group: string): Promise<void> {
    // Even where nothing is there: a change may be on its way into the journal.
    await this.#journal?.append({ kind: 'deleted', group })
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(change: Change): void {
    const before = this.#consumerGroups.get(change.group)
    // A group is of one protocol at a time.
    this.#consumerGroups.delete(change.group)
    this.#classicGroups.delete(change.group)
    if (change.kind === 'consumer') this.#consumerGroups.set(change.group, withChange(before, change))
    if (change.kind === 'classic') this.#classicGroups.set(change.group, change.state)
  }

  *#snapshot(): Generator<Change> {
    for (const [group, state] of this.#classicGroups) yield { kind: 'classic', group, state }
    for (const [group, state] of this.#consumerGroups)
      yield { kind: 'consumer', ...changeBetween(group, undefined, state) }
  }
}
