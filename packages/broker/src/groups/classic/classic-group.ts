import { randomUUID } from 'node:crypto'
import { KafkaError } from '../../protocol/index.ts'
import type { GroupSettings } from '../group-settings.ts'
import type { Timer, Timers } from '../timers.ts'
import { assertFits, assertHasRoom } from './admission.ts'
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './consumer-subscription.ts'
import { rebalancing, unknownMember } from './group-errors.ts'
import {
  electProtocol,
  type Joined,
  type JoinRequest,
  type Member,
  type MemberIdRequired,
  type MemberRef,
  NO_ASSIGNMENT,
  newMember,
  type Synced,
  sameProtocols,
  turnAway,
} from './member.ts'
import { Members } from './members.ts'
import { restoredMember, type StoredClassicGroup, storedMember } from './stored-group.ts'

type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

export interface ClassicGroupOptions {
  readonly timers: Timers
  readonly settings: Pick<GroupSettings, 'initialRebalanceDelayMs' | 'maxSize'>
  /** Resolves when the group as it is now is kept. */
  readonly write: (group: StoredClassicGroup) => Promise<void>
  /** Told of what goes wrong with nobody waiting for it. */
  readonly onError: (error: unknown) => void
}

/**
 * One group of the classic rebalance protocol. Its members join; when all known ones have, a generation begins and they learn who leads;
 * the leader sends everyone's assignment and all get theirs. Errors are `KafkaError`s, as clients expect them of Kafka.
 */
export class ClassicGroup {
  readonly type = 'classic'
  readonly id: string
  readonly #options: ClassicGroupOptions
  readonly #members: Members
  #state: GroupState = 'Empty'
  #generationId = 0
  #protocolType = ''
  #protocolName = ''
  #leader: string | undefined
  #emptySinceMs = 0
  /** Members that have had their generation and not asked for their assignment yet. */
  readonly #unsynced = new Set<string>()
  #joinTimer: Timer | undefined
  #syncTimer: Timer | undefined
  /** Whether a group that was empty still waits for more to come, and who came since it last began to. */
  #initialDelay: { hasNewMember: boolean; remainingMs: number } | undefined

  /** `stored` is a group that was there before the broker was started: its members may go on in their generation. */
  constructor(id: string, options: ClassicGroupOptions, stored?: StoredClassicGroup) {
    this.id = id
    this.#options = options
    this.#members = new Members(
      options.timers,
      (member) => this.#remove(member),
      () => this.#beginIfAllJoined(),
    )
    if (stored !== undefined) this.#restore(stored)
  }

  get state(): GroupState {
    return this.#state
  }
  get isEmpty(): boolean {
    return this.#state === 'Empty'
  }
  /** When its last member left, 0 where it never had one; null where it has members or waits for one. */
  get emptySinceMs(): number | null {
    return this.isEmpty && !this.#members.hasPending ? this.#emptySinceMs : null
  }
  get protocolType(): string {
    return this.#protocolType
  }
  /** The assignment strategy in use; empty while there is none. */
  get protocolName(): string {
    return this.#protocolName
  }
  get members(): readonly Member[] {
    return this.#members.list()
  }

  /** Answered at once, or when the rebalance that it takes part in begins a new generation. */
  async join(request: JoinRequest): Promise<Joined | MemberIdRequired> {
    const { memberId, groupInstanceId } = request
    const known = memberId === '' ? this.#members.findStatic(groupInstanceId) : this.#members.find(memberId)
    const isPreparing = this.#state === 'PreparingRebalance'
    assertHasRoom(known, this.members, { isPreparing, maxSize: this.#options.settings.maxSize })
    assertFits(request, this.members, this.#protocolType)
    if (memberId === '') return known === undefined ? this.#joinNew(request) : this.#replaceStatic(known, request)
    if (this.#members.arrived(memberId)) return this.#admit(memberId, request)
    return this.#rejoin(this.#members.assertMember(request), request)
  }

  /** Answered when the leader has sent the assignments. `assignments` is the leader's; from others it is empty. */
  async sync(ref: MemberRef, assignments: ReadonlyMap<string, Buffer>): Promise<Synced> {
    const member = this.#assertCurrent(ref)
    this.#members.keepAlive(member)
    if (this.#state === 'PreparingRebalance') throw rebalancing()
    this.#hasSynced(member)
    if (this.#state === 'Stable') return this.#synced(member)
    return new Promise((resolve, reject) => {
      member.syncing?.reject(unknownMember(member.id))
      member.syncing = { resolve, reject }
      if (member.id === this.#leader) this.#assign(assignments).catch(this.#options.onError)
    })
  }

  /** Throws REBALANCE_IN_PROGRESS where the member is to join again. */
  heartbeat(ref: MemberRef): void {
    this.#members.keepAlive(this.#assertCurrent(ref))
    if (this.#state === 'PreparingRebalance') throw rebalancing()
  }

  /** A member goes; with an instance id alone, whoever has that. Throws UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID. */
  leave(memberId: string, groupInstanceId: string | null): void {
    if (this.#members.arrived(memberId)) {
      this.#beginIfAllJoined()
      return
    }
    const member =
      memberId === ''
        ? this.#members.findStatic(groupInstanceId)
        : this.#members.assertMember({ memberId, groupInstanceId })
    if (member === undefined) throw unknownMember(groupInstanceId ?? memberId)
    this.#remove(member)
  }

  /** Whether offsets may be committed: by anyone while the group is empty, else by a member of this generation. */
  assertMayCommit(ref: MemberRef, { isTransactional = false } = {}): void {
    if (ref.generationId < 0 && this.isEmpty) return
    if (ref.generationId < 0 && ref.memberId === '' && ref.groupInstanceId === null) {
      // Before TxnOffsetCommit 3 a transaction could not say who it commits for.
      if (isTransactional) return
      throw new KafkaError('UNKNOWN_MEMBER_ID', `group "${this.id}" has members, and the commit names none of them`)
    }
    this.#members.keepAlive(this.#assertCurrent(ref))
    if (!isTransactional && this.#state === 'CompletingRebalance') throw rebalancing()
  }

  /** Whether a member reads from `topic`, as far as it can be told: a group of something else than consumers has no topics. */
  isSubscribedTo(topic: string): boolean {
    if (this.#protocolType !== CONSUMER_PROTOCOL_TYPE) return false
    const all = this.members.flatMap(({ protocols }) => protocols.map(({ metadata }) => subscribedTopics(metadata)))
    return all.some((topics) => topics === undefined || topics.includes(topic))
  }

  /** Ends all timers and turns away who waits. */
  close(): void {
    this.#joinTimer?.cancel()
    this.#syncTimer?.cancel()
    this.#members.close(new KafkaError('COORDINATOR_NOT_AVAILABLE', 'the broker is stopping'))
  }

  // — joining —

  #joinNew(request: JoinRequest): Promise<Joined> | MemberIdRequired {
    const memberId = `${request.groupInstanceId ?? request.clientId}-${randomUUID()}`
    if (request.groupInstanceId !== null || !request.mustKnowMemberId) return this.#admit(memberId, request)
    this.#members.expect(memberId, request.sessionTimeoutMs)
    return { memberIdRequired: memberId }
  }

  #admit(memberId: string, request: JoinRequest): Promise<Joined> {
    const member = newMember(memberId, request)
    this.#members.add(member)
    this.#protocolType = request.protocolType
    if (this.#initialDelay !== undefined) this.#initialDelay.hasNewMember = true
    return this.#awaitGeneration(member)
  }

  #rejoin(member: Member, request: JoinRequest): Promise<Joined> | Joined {
    const unchanged = sameProtocols(member.protocols, request.protocols)
    this.#update(member, request)
    // The leader joins again when it wants another assignment; a follower may only have missed the answer.
    if (unchanged && this.#state === 'CompletingRebalance') return this.#joined(member)
    if (unchanged && this.#state === 'Stable' && member.id !== this.#leader) return this.#joined(member)
    return this.#awaitGeneration(member)
  }

  /** A static member came back after a restart, without its id: it gets a new one, and whoever still uses the old one is fenced. */
  async #replaceStatic(member: Member, request: JoinRequest): Promise<Joined> {
    const { id: oldId } = member
    const wasLeader = this.#leader === oldId
    this.#members.rename(member, `${request.groupInstanceId}-${randomUUID()}`)
    if (wasLeader) this.#leader = member.id
    if (this.#unsynced.delete(oldId)) this.#unsynced.add(member.id)
    this.#update(member, request)
    // What it subscribes to may differ, as Kafka has it (KIP-345): clients put more than topics into their metadata.
    const isSettled = this.#state === 'Stable' && electProtocol(this.members) === this.#protocolName
    if (!isSettled) return this.#awaitGeneration(member)
    await this.#write()
    if (!wasLeader) return this.#joined(member)
    // An older client that learnt that it leads would assign anew: it is told of its former self instead.
    return request.canSkipAssignment
      ? { ...this.#joined(member), skipAssignment: true }
      : { ...this.#joined(member), leader: oldId, members: [] }
  }

  #update(member: Member, request: JoinRequest): void {
    member.protocols = request.protocols
    member.sessionTimeoutMs = request.sessionTimeoutMs
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    this.#members.keepAlive(member)
  }

  #awaitGeneration(member: Member): Promise<Joined> {
    return new Promise((resolve, reject) => {
      member.joining?.reject(unknownMember(member.id))
      member.joining = { resolve, reject }
      this.#members.keepAlive(member)
      if (this.#state === 'PreparingRebalance') this.#beginIfAllJoined()
      else this.#prepareRebalance()
    })
  }

  // — the rebalance —

  #prepareRebalance(): void {
    for (const member of this.members) {
      if (member.syncing) this.#members.keepAlive(member)
      member.syncing?.reject(rebalancing())
      member.syncing = undefined
    }
    this.#syncTimer?.cancel()
    this.#unsynced.clear()
    const { initialRebalanceDelayMs } = this.#options.settings
    const isFirst = this.isEmpty && initialRebalanceDelayMs > 0
    this.#state = 'PreparingRebalance'
    if (isFirst) this.#delayFirst(Math.max(0, this.#rebalanceTimeoutMs - initialRebalanceDelayMs))
    else {
      this.#awaitMembers()
      this.#beginIfAllJoined()
    }
  }

  /** The first generation of a group waits for more to come, anew whenever somebody has, until the rebalance timeout is up. */
  #delayFirst(remainingMs: number): void {
    const { initialRebalanceDelayMs } = this.#options.settings
    const delay = { hasNewMember: false, remainingMs }
    this.#initialDelay = delay
    this.#joinTimer = this.#options.timers.after(initialRebalanceDelayMs, () => {
      this.#initialDelay = undefined
      if (delay.hasNewMember && remainingMs > 0) this.#delayFirst(Math.max(0, remainingMs - initialRebalanceDelayMs))
      else this.#beginWithoutMissing()
    })
  }

  #awaitMembers(): void {
    this.#joinTimer?.cancel()
    this.#joinTimer = this.#options.timers.after(this.#rebalanceTimeoutMs, () => this.#beginWithoutMissing())
  }

  #beginIfAllJoined(): void {
    if (this.#state !== 'PreparingRebalance' || this.#initialDelay !== undefined || this.#members.hasPending) return
    if (this.members.every((member) => member.joining !== undefined)) this.#begin()
  }

  /** Time is up: whoever has not joined again is out, except static members, whom only their session's end removes. */
  #beginWithoutMissing(): void {
    for (const member of this.members)
      if (member.joining === undefined && member.instanceId === null) this.#drop(member)
    const someoneJoined = this.members.some((member) => member.joining !== undefined)
    if (someoneJoined || this.#members.size === 0) this.#begin()
    else this.#awaitMembers()
  }

  #begin(): void {
    this.#joinTimer?.cancel()
    this.#generationId++
    const members = this.members
    if (members.length === 0) {
      this.#becomeEmpty()
      return
    }
    this.#protocolName = electProtocol(members)
    this.#leader = this.#electLeader(members)
    this.#state = 'CompletingRebalance'
    for (const member of members) {
      member.assignment = NO_ASSIGNMENT
      member.isNew = false
      this.#unsynced.add(member.id)
      this.#members.keepAlive(member)
      member.joining?.resolve(this.#joined(member))
      member.joining = undefined
    }
    this.#syncTimer = this.#options.timers.after(this.#rebalanceTimeoutMs, () => this.#removeUnsynced())
  }

  #becomeEmpty(): void {
    this.#state = 'Empty'
    this.#protocolName = ''
    this.#leader = undefined
    this.#emptySinceMs = this.#options.timers.now()
    this.#write().catch(this.#options.onError)
  }

  #electLeader(members: readonly Member[]): string | undefined {
    const leader = this.#leader === undefined ? undefined : this.#members.find(this.#leader)
    return (leader?.joining ? leader : members.find((member) => member.joining !== undefined))?.id
  }

  /** Everybody is told when it is written: what a member has been told holds after a restart too. */
  async #assign(assignments: ReadonlyMap<string, Buffer>): Promise<void> {
    const generationId = this.#generationId
    const failure = await this.#write(assignments).then(
      () => undefined,
      (error: KafkaError) => error,
    )
    if (this.#state !== 'CompletingRebalance' || this.#generationId !== generationId) return
    if (failure !== undefined) {
      for (const member of this.members) turnAway(member, failure)
      this.#prepareRebalance()
      return
    }
    this.#state = 'Stable'
    for (const member of this.members) {
      member.assignment = assignments.get(member.id) ?? NO_ASSIGNMENT
      if (member.syncing) this.#members.keepAlive(member)
      member.syncing?.resolve(this.#synced(member))
      member.syncing = undefined
    }
  }

  #hasSynced(member: Member): void {
    this.#unsynced.delete(member.id)
    if (this.#unsynced.size === 0) this.#syncTimer?.cancel()
  }

  /** The leader, or whoever else joined and then did not ask for its assignment, is out. */
  #removeUnsynced(): void {
    const silent = this.members.filter(({ id }) => this.#unsynced.has(id))
    for (const member of silent) this.#drop(member)
    this.#prepareRebalance()
  }

  #remove(member: Member): void {
    this.#drop(member)
    if (this.#state === 'PreparingRebalance') this.#beginIfAllJoined()
    else if (!this.isEmpty) this.#prepareRebalance()
  }

  #drop(member: Member): void {
    this.#members.remove(member)
    this.#unsynced.delete(member.id)
    if (this.#leader === member.id) this.#leader = undefined
  }

  // — answers and checks —

  get #rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.members.map((member) => member.rebalanceTimeoutMs))
  }

  #joined(member: Member): Joined {
    return {
      generationId: this.#generationId,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      leader: this.#leader ?? '',
      memberId: member.id,
      skipAssignment: false,
      members: member.id === this.#leader ? this.members.map((other) => this.#describe(other)) : [],
    }
  }

  #describe({ id, instanceId, protocols }: Member) {
    const chosen = protocols.find(({ name }) => name === this.#protocolName)
    return { memberId: id, groupInstanceId: instanceId, metadata: chosen?.metadata ?? NO_ASSIGNMENT }
  }

  #synced(member: Member): Synced {
    return { protocolType: this.#protocolType, protocolName: this.#protocolName, assignment: member.assignment }
  }

  #assertCurrent(ref: MemberRef): Member {
    return this.#members.assertCurrent(ref, this.#generationId)
  }

  // — what is kept —

  async #write(assignments?: ReadonlyMap<string, Buffer>): Promise<void> {
    try {
      await this.#options.write({
        generationId: this.#generationId,
        protocolType: this.#protocolType,
        protocolName: this.#protocolName,
        leader: this.#leader ?? null,
        emptySinceMs: this.isEmpty ? this.#emptySinceMs : null,
        members: this.members.map((member) => storedMember(member, assignments?.get(member.id) ?? member.assignment)),
      })
    } catch (error) {
      throw new KafkaError('COORDINATOR_NOT_AVAILABLE', `the group could not be written: ${error}`)
    }
  }

  #restore({ generationId, protocolType, protocolName, leader, members, emptySinceMs }: StoredClassicGroup): void {
    this.#emptySinceMs = emptySinceMs ?? 0
    this.#generationId = generationId
    this.#protocolType = protocolType
    this.#protocolName = protocolName
    this.#leader = leader ?? undefined
    this.#state = members.length > 0 ? 'Stable' : 'Empty'
    for (const member of members.map(restoredMember)) {
      this.#members.add(member)
      this.#members.keepAlive(member)
    }
  }
}
