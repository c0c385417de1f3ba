import path from 'node:path'
import type { FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { Journal } from '../storage/journal.ts'
import type { ConsumerGroupState } from './consumer/group-state.ts'
import { type ConsumerGroupChange, changeBetween, withChange } from './consumer/stored-group.ts'

type Change =
  | ({ readonly kind: 'consumer' } & ConsumerGroupChange)
  | { readonly kind: 'deleted'; readonly group: string }

/** Groups as they have to be known after a restart, kept in a journal: what a member was told outlives the process. */
export class GroupStore {
  readonly #consumerGroups = new Map<string, ConsumerGroupState>()
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

  /** Resolves when what makes `after` of `before` is written, or all of it where it is not known what was: `before` is undefined then. */
  async writeConsumerGroup(
    group: string,
    before: ConsumerGroupState | undefined,
    after: ConsumerGroupState,
  ): Promise<void> {
    if (before !== after) await this.#journal?.append({ kind: 'consumer', ...changeBetween(group, before, after) })
  }

  async delete(group: string): Promise<void> {
    if (this.#consumerGroups.has(group)) await this.#journal?.append({ kind: 'deleted', group })
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(change: Change): void {
    if (change.kind === 'deleted') this.#consumerGroups.delete(change.group)
    else this.#consumerGroups.set(change.group, withChange(this.#consumerGroups.get(change.group), change))
  }

  *#snapshot(): Generator<Change> {
    for (const [group, state] of this.#consumerGroups)
      yield { kind: 'consumer', ...changeBetween(group, undefined, state) }
  }
}
