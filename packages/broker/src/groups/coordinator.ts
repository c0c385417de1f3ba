import { KafkaError } from '../protocol/index.ts'
import { ClassicGroup } from './classic-group.ts'
import type { OffsetStore } from './offset-store.ts'
import { realTimers, type Timers } from './timers.ts'

/** Finds groups. A group is there as soon as somebody joins it, and as long as it has members or offsets. */
export class GroupCoordinator {
  readonly offsets: OffsetStore
  readonly #timers: Timers
  readonly #groups = new Map<string, ClassicGroup>()

  constructor(offsets: OffsetStore, timers: Timers = realTimers) {
    this.offsets = offsets
    this.#timers = timers
  }

  /** The group, new and empty where there is none. Throws INVALID_GROUP_ID. */
  ensure(groupId: string): ClassicGroup {
    if (groupId === '') throw new KafkaError('INVALID_GROUP_ID', 'a group needs an id')
    const known = this.#groups.get(groupId)
    if (known) return known
    const group = new ClassicGroup(groupId, this.#timers)
    this.#groups.set(groupId, group)
    return group
  }

  /** A group that is there. Throws UNKNOWN_MEMBER_ID, which is what the members of a group that is not are told. */
  require(groupId: string): ClassicGroup {
    const group = this.#groups.get(groupId)
    if (group === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID', `there is no group "${groupId}"`)
    return group
  }

  /** The group as it can be described: with members, or empty with offsets only. */
  find(groupId: string): ClassicGroup | undefined {
    return this.#groups.get(groupId) ?? (this.offsets.has(groupId) ? this.ensure(groupId) : undefined)
  }

  list(): ClassicGroup[] {
    return [...new Set([...this.#groups.keys(), ...this.offsets.groupIds])].map((groupId) => this.ensure(groupId))
  }

  /** Throws NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
  async delete(groupId: string): Promise<void> {
    const group = this.find(groupId)
    if (group === undefined) throw new KafkaError('GROUP_ID_NOT_FOUND', `there is no group "${groupId}"`)
    if (group.members.length > 0) throw new KafkaError('NON_EMPTY_GROUP', `group "${groupId}" has members`)
    group.close()
    this.#groups.delete(groupId)
    await this.offsets.deleteGroup(groupId)
  }

  async close(): Promise<void> {
    for (const group of this.#groups.values()) group.close()
    await this.offsets.close()
  }
}
