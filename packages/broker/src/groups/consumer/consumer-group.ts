import { randomUUID } from 'node:crypto'
import { type ErrorName, KafkaError } from '../../protocol/index.ts'
import type { GroupSettings } from '../group-settings.ts'
import type { Timer, Timers } from '../timers.ts'
import { preferredAssignor } from './assignor.ts'
import { type ConsumerGroupState, memberOf, NEW_GROUP, stateNameOf } from './group-state.ts'
import { type Heartbeat, heartbeat, namedMember, withMemberAway, withoutMemberAnyMore } from './heartbeat.ts'
import { type ConsumerMember, LEFT_TO_REJOIN } from './member.ts'
import { NO_PARTITIONS, type PartitionSet } from './partition-set.ts'
import type { Subscriptions } from './subscription.ts'

export interface ConsumerGroupOptions {
  readonly timers: Timers
  readonly settings: GroupSettings
  readonly subscriptions: Subscriptions
  /** Resolves when the change is kept; `before` is undefined where it is not known what was kept. */
  readonly write: (before: ConsumerGroupState | undefined, after: ConsumerGroupState) => Promise<void>
  /** Told of what goes wrong when a member's time is up, with nobody waiting for it. */
  readonly onError: (error: unknown) => void
}

/** What a member is told. */
export interface HeartbeatAnswer {
  readonly memberId: string
  readonly memberEpoch: number
  /** What it has now; null where it knows. */
  readonly assignment: PartitionSet | null
}

export interface LeaveRequest {
  readonly memberId: string
  /** LEFT or LEFT_TO_REJOIN. */
  readonly memberEpoch: number
  readonly instanceId: string | null
}

interface MemberTimers {
  session: Timer
  revocation: { readonly partitions: PartitionSet; readonly timer: Timer } | undefined
}

/** One group of the protocol of KIP-848: its members send heartbeats, and the group assigns partitions. */
export class ConsumerGroup {
  readonly type = 'consumer'
  readonly protocolType = 'consumer'
  readonly id: string
  readonly #options: ConsumerGroupOptions
  readonly #timers = new Map<string, MemberTimers>()
  #state: ConsumerGroupState
  /** What the next change is written upon; undefined when a write has failed. */
  #written: ConsumerGroupState | undefined
  #isClosed = false

  /** `state` is that of a group that was there before the broker was started. Its members have a whole session to be heard of. */
  constructor(id: string, options: ConsumerGroupOptions, state: ConsumerGroupState = NEW_GROUP) {
    this.id = id
    this.#options = options
    this.#state = state
    this.#written = state
    this.#watch(NEW_GROUP, state)
  }

  get state() {
    return stateNameOf(this.#state)
  }
  get epoch(): number {
    return this.#state.epoch
  }
  get assignmentEpoch(): number {
    return this.#state.assignmentEpoch
  }
  get isEmpty(): boolean {
    return this.#state.members.size === 0
  }
  /** Offsets of a group that nobody is in go by when they were committed; null where it has members. */
  get emptySinceMs(): number | null {
    return this.isEmpty ? 0 : null
  }
  get assignor(): string {
    return preferredAssignor(this.#state.members.values())
  }
  get members(): readonly ConsumerMember[] {
    return [...this.#state.members.values()]
  }

  targetOf(memberId: string): PartitionSet {
    return this.#state.targets.get(memberId) ?? NO_PARTITIONS
  }

  /** Resolves when all that it changed is written. */
  async heartbeat(request: Heartbeat): Promise<HeartbeatAnswer> {
    const beat = request.memberId === '' ? { ...request, memberId: randomUUID() } : request
    if (!this.#state.members.has(beat.memberId) && this.#state.members.size >= this.#options.settings.consumerMaxSize)
      throw new KafkaError('GROUP_MAX_SIZE_REACHED', `group "${this.id}" has as many members as it may have`)
    const { state, member, isAssignmentNews } = heartbeat(this.#state, beat, (who) => this.#resolve(who))
    this.#watchSession(member.id)
    await this.#become(state)
    return { memberId: member.id, memberEpoch: member.epoch, assignment: isAssignmentNews ? member.assigned : null }
  }

  async leave(request: LeaveRequest): Promise<void> {
    const member = namedMember(this.#state, request)
    if (request.memberEpoch === LEFT_TO_REJOIN) await this.#become(withMemberAway(this.#state, member.id))
    else await this.#remove(member.id)
  }

  /** Whether offsets may be committed: by anyone while the group is empty, else by a member in its epoch. */
  assertMayCommit(
    { memberId, generationId }: { readonly memberId: string; readonly generationId: number },
    { version, isTransactional }: { readonly version: number; readonly isTransactional: boolean },
  ): void {
    if (generationId < 0 && this.isEmpty) return
    const member = memberOf(this.#state, memberId)
    if (!isTransactional && version < 9)
      throw new KafkaError('UNSUPPORTED_VERSION', 'members of a consumer group commit with OffsetCommit 9 or above')
    // Transactions know of no member epochs.
    assertEpoch(member, generationId, isTransactional ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH')
  }

  /** Whether offsets may be read: by whoever does not claim to be a member, else by a member in its epoch. */
  assertMayFetch({ memberId, memberEpoch }: { readonly memberId: string | null; readonly memberEpoch: number }): void {
    if (memberId === null && memberEpoch < 0) return
    assertEpoch(memberOf(this.#state, memberId ?? ''), memberEpoch, 'STALE_MEMBER_EPOCH')
  }

  isSubscribedTo(topic: string): boolean {
    return this.members.some((member) => this.#options.subscriptions.includes(member, topic))
  }

  /** Ends all timers. */
  close(): void {
    this.#isClosed = true
    this.#watch(this.#state, NEW_GROUP)
  }

  #resolve(member: ConsumerMember) {
    return this.#options.subscriptions.resolve(member)
  }

  async #remove(memberId: string): Promise<void> {
    await this.#become(withoutMemberAnyMore(this.#state, memberId, (who) => this.#resolve(who)))
  }

  /** Members are told of a change only when it is written; what could not be is written with the next. */
  async #become(state: ConsumerGroupState): Promise<void> {
    this.#watch(this.#state, state)
    this.#state = state
    const before = this.#written
    this.#written = state
    try {
      await this.#options.write(before, state)
    } catch (error) {
      this.#written = undefined
      throw new KafkaError('COORDINATOR_NOT_AVAILABLE', `the group could not be written: ${error}`)
    }
  }

  // — timers —

  #watch(before: ConsumerGroupState, after: ConsumerGroupState): void {
    for (const memberId of before.members.keys()) if (!after.members.has(memberId)) this.#unwatch(memberId)
    for (const member of after.members.values()) {
      if (!this.#timers.has(member.id)) this.#watchSession(member.id)
      this.#watchRevocation(member)
    }
  }

  #unwatch(memberId: string): void {
    const timers = this.#timers.get(memberId)
    timers?.session.cancel()
    timers?.revocation?.timer.cancel()
    this.#timers.delete(memberId)
  }

  #watchSession(memberId: string): void {
    const known = this.#timers.get(memberId)
    known?.session.cancel()
    const { timers, settings } = this.#options
    const session = timers.after(settings.consumerSessionTimeoutMs, () => this.#expire(memberId))
    this.#timers.set(memberId, { session, revocation: known?.revocation })
  }

  /** A member has its own rebalance timeout to give up what it was told to. */
  #watchRevocation({ id, pendingRevocation: partitions, rebalanceTimeoutMs }: ConsumerMember): void {
    const watched = this.#timers.get(id)
    if (watched === undefined || watched.revocation?.partitions === partitions) return
    watched.revocation?.timer.cancel()
    watched.revocation = undefined
    if (partitions.size === 0) return
    const timer = this.#options.timers.after(rebalanceTimeoutMs, () => this.#expire(id))
    watched.revocation = { partitions, timer }
  }

  #expire(memberId: string): void {
    if (this.#isClosed || !this.#state.members.has(memberId)) return
    this.#remove(memberId).catch(this.#options.onError)
  }
}

function assertEpoch(member: ConsumerMember, memberEpoch: number, otherwise: ErrorName): void {
  if (memberEpoch !== member.epoch)
    throw new KafkaError(otherwise, `member "${member.id}" is in epoch ${member.epoch}, not ${memberEpoch}`)
}
