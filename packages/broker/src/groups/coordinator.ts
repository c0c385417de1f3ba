import { KafkaError } from '../protocol/index.ts'
import { ClassicGroup } from './classic/classic-group.ts'
import { CONSUMER_PROTOCOL_TYPE } from './classic/consumer-subscription.ts'
import type { MemberRef } from './classic/member.ts'
import type { StoredClassicGroup } from './classic/stored-group.ts'
import { ConsumerGroup } from './consumer/consumer-group.ts'
import type { ConsumerGroupState } from './consumer/group-state.ts'
import { JOINING } from './consumer/member.ts'
import { Subscriptions, type TopicsView } from './consumer/subscription.ts'
import type { GroupSettings } from './group-settings.ts'
import type { GroupStore } from './group-store.ts'
import type { OffsetStore, PartitionOffset } from './offset-store.ts'
import { planExpiry } from './plan-expiry.ts'
import { realTimers, type Timer, type Timers } from './timers.ts'

export type Group = ClassicGroup | ConsumerGroup

export interface GroupCoordinatorOptions {
  readonly offsets: OffsetStore
  readonly store: GroupStore
  readonly topics: TopicsView
  readonly settings: GroupSettings
  readonly timers?: Timers
  /** Told of what goes wrong with nobody waiting for it. */
  readonly onError: (error: unknown) => void
}

/** How a commit came: the version of its request, and whether it is part of a transaction. */
export interface CommitContext {
  readonly version: number
  readonly isTransactional: boolean
}

/** Finds groups, of either protocol. A group is there as soon as somebody joins it, and as long as it has members or offsets. */
export class GroupCoordinator {
  readonly offsets: OffsetStore
  readonly settings: GroupSettings
  readonly subscriptions: Subscriptions
  readonly #options: GroupCoordinatorOptions
  readonly #timers: Timers
  readonly #groups = new Map<string, Group>()
  #expiry: Timer | undefined

  private constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    this.#timers = options.timers ?? realTimers
    this.offsets = options.offsets
    this.settings = options.settings
    this.subscriptions = new Subscriptions(options.topics)
  }

  /** Goes on with the groups that were there when the broker stopped: their members may, too. */
  static async open(options: GroupCoordinatorOptions): Promise<GroupCoordinator> {
    const coordinator = new GroupCoordinator(options)
    for (const [id, stored] of options.store.classicGroups) coordinator.#newClassicGroup(id, stored)
    for (const [id, state] of options.store.consumerGroups) {
      for (const member of state.members.values()) await coordinator.subscriptions.prepare(member.subscribedTopicRegex)
      coordinator.#groups.set(id, coordinator.#newConsumerGroup(id, state))
    }
    coordinator.#expireLater()
    return coordinator
  }

  /**
   * The classic group to join; for who has no member id yet, a new one where there is none, or where nobody is in the consumer group of that name.
   * Throws INVALID_GROUP_ID, UNKNOWN_MEMBER_ID or INCONSISTENT_GROUP_PROTOCOL.
   */
  async classicGroupToJoin(groupId: string, memberId: string): Promise<ClassicGroup> {
    assertGroupId(groupId)
    const known = this.#groups.get(groupId)
    if (known?.type === 'classic') return known
    if (memberId !== '') return this.classicGroup(groupId)
    if (known !== undefined && !known.isEmpty)
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', `the members of group "${groupId}" use the consumer protocol`)
    const group = this.#newClassicGroup(groupId)
    if (known !== undefined) {
      known.close()
      await this.#options.store.delete(groupId)
    }
    return group
  }

  /** A classic group that is there. Throws UNKNOWN_MEMBER_ID, which is what the members of a group that is not are told. */
  classicGroup(groupId: string): ClassicGroup {
    const group = this.#groups.get(groupId)
    if (group?.type !== 'classic')
      throw new KafkaError('UNKNOWN_MEMBER_ID', `there is no group "${groupId}" of the classic protocol`)
    return group
  }

  /**
   * The consumer group that a heartbeat is for: one with epoch JOINING finds a new one where there is none, or where nobody is in the classic
   * group of that name. Throws GROUP_ID_NOT_FOUND.
   */
  consumerGroupFor(groupId: string, memberEpoch: number): ConsumerGroup {
    const known = this.#groups.get(groupId)
    if (known?.type === 'consumer') return known
    if (memberEpoch !== JOINING) throw new KafkaError('GROUP_ID_NOT_FOUND', `there is no consumer group "${groupId}"`)
    if (known !== undefined && !known.isEmpty)
      throw new KafkaError('GROUP_ID_NOT_FOUND', `the members of group "${groupId}" use the classic protocol`)
    known?.close()
    const group = this.#newConsumerGroup(groupId)
    this.#groups.set(groupId, group)
    return group
  }

  /** The group as it can be described: with members, or empty with offsets only. */
  find(groupId: string): Group | undefined {
    return this.#groups.get(groupId) ?? (this.offsets.has(groupId) ? this.#newClassicGroup(groupId) : undefined)
  }

  list(): Group[] {
    const groupIds = new Set([...this.#groups.keys(), ...this.offsets.groupIds])
    return [...groupIds].map((groupId) => this.find(groupId)).filter((group) => group !== undefined)
  }

  /** Throws what a commit by `who` is to be refused with. A group that is not there is made for a commit that names no member. */
  assertMayCommit(groupId: string, who: MemberRef, context: CommitContext): void {
    assertGroupId(groupId)
    const group = this.find(groupId)
    if (group !== undefined) group.assertMayCommit(who, context)
    else if (who.generationId < 0) this.#newClassicGroup(groupId)
    else {
      const isOld = context.isTransactional || context.version < 9
      throw new KafkaError(isOld ? 'ILLEGAL_GENERATION' : 'GROUP_ID_NOT_FOUND', `there is no group "${groupId}"`)
    }
  }

  /** Throws NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
  async delete(groupId: string): Promise<void> {
    const group = this.find(groupId)
    if (group === undefined) throw new KafkaError('GROUP_ID_NOT_FOUND', `there is no group "${groupId}"`)
    if (!group.isEmpty) throw new KafkaError('NON_EMPTY_GROUP', `group "${groupId}" has members`)
    group.close()
    this.#groups.delete(groupId)
    await Promise.all([this.#options.store.delete(groupId), this.offsets.deleteGroup(groupId)])
  }

  /**
   * Forgets single offsets of a group. Gives for each partition whether it could: those of topics that members read from are kept. Throws
   * GROUP_ID_NOT_FOUND or NON_EMPTY_GROUP.
   */
  async deleteOffsets<P extends { readonly topic: string; readonly partition: number }>(
    groupId: string,
    partitions: readonly P[],
  ): Promise<ReadonlySet<P>> {
    const group = this.find(groupId)
    if (group === undefined) throw new KafkaError('GROUP_ID_NOT_FOUND', `there is no group "${groupId}"`)
    if (!group.isEmpty && group.protocolType !== CONSUMER_PROTOCOL_TYPE)
      throw new KafkaError('NON_EMPTY_GROUP', `group "${groupId}" has members, and what they read cannot be told`)
    const subscribed = new Set(partitions.map(({ topic }) => topic).filter((topic) => group.isSubscribedTo(topic)))
    const free = partitions.filter(({ topic }) => !subscribed.has(topic))
    await this.offsets.delete(groupId, free)
    return new Set(free)
  }

  /** Forgets offsets that nobody has needed for long enough, and groups that have neither members nor offsets. */
  async expire(): Promise<void> {
    const { offsetsRetentionMs: retentionMs } = this.settings
    for (const group of this.list()) {
      const offsets = this.offsets.list(group.id)
      const expired = planExpiry(offsets, group.emptySinceMs, { nowMs: this.#timers.now(), retentionMs })
      const isPending = ({ topic, partition }: PartitionOffset) => this.offsets.isPending(group.id, topic, partition)
      await this.offsets.delete(
        group.id,
        expired.filter((offset) => !isPending(offset)),
      )
      if (group.emptySinceMs !== null && !this.offsets.hasAny(group.id)) await this.delete(group.id)
    }
  }

  async close(): Promise<void> {
    this.#expiry?.cancel()
    for (const group of this.#groups.values()) group.close()
    await this.#options.store.close()
    await this.offsets.close()
  }

  #expireLater(): void {
    this.#expiry = this.#timers.after(this.settings.offsetsRetentionCheckIntervalMs, () => {
      this.#expireLater()
      this.expire().catch(this.#options.onError)
    })
  }

  #newClassicGroup(groupId: string, stored?: StoredClassicGroup): ClassicGroup {
    const { store, settings, onError } = this.#options
    const write = store.writeClassicGroup.bind(store, groupId)
    const group = new ClassicGroup(groupId, { timers: this.#timers, settings, write, onError }, stored)
    this.#groups.set(groupId, group)
    return group
  }

  #newConsumerGroup(groupId: string, state?: ConsumerGroupState): ConsumerGroup {
    const { store, settings, onError } = this.#options
    const options = {
      timers: this.#timers,
      settings,
      subscriptions: this.subscriptions,
      write: store.writeConsumerGroup.bind(store, groupId),
      onError,
    }
    return new ConsumerGroup(groupId, options, state)
  }
}

function assertGroupId(groupId: string): void {
  if (groupId === '') throw new KafkaError('INVALID_GROUP_ID', 'a group needs an id')
}
