import { randomUUID } from 'node:crypto'
import { KafkaError } from '../../protocol/index.ts'
import type { GroupSettings } from '../group-settings.ts'
import type { Timers } from '../timers.ts'
import { assertFits, assertHasRoom } from './admission.ts'
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './consumer-subscription.ts'
import { electProtocol, type Generation, joined, NO_GENERATION, nextGeneration, synced } from './generation.ts'
import { rebalancing, unknownMember } from './group-errors.ts'
import { JoinPhase } from './join-phase.ts'
import {
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
import { restoredGeneration, restoredMember, type StoredClassicGroup, storedGroup } from './stored-group.ts'
import { SyncPhase } from './sync-phase.ts'

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
  readonly #joinPhase: JoinPhase
  readonly #syncPhase: SyncPhase
  #state: GroupState = 'Empty'
  #generation: Generation = NO_GENERATION
  #emptySinceMs = 0

  /** `stored` is a group that was there before the broker was started: its members may go on in their generation. */
  constructor(id: string, options: ClassicGroupOptions, stored?: StoredClassicGroup) {
    this.id = id
    this.#options = options
    this.#members = new Members(
      options.timers,
      (member) => this.#remove(member),
      () => this.#beginIfAllJoined(),
    )
    this.#joinPhase = new JoinPhase(options.timers, () => this.#beginWithoutMissing())
    this.#syncPhase = new SyncPhase(options.timers)
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
    return this.#generation.protocolType
  }
  /** The assignment strategy in use; empty while there is none. */
  get protocolName(): string {
    return this.#generation.protocolName
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
    assertFits(request, this.members, this.protocolType)
    if (memberId === '') return known === undefined ? this.#joinNew(request) : this.#replaceStatic(known, request)
    if (this.#members.arrived(memberId)) return this.#admit(memberId, request)
    return this.#rejoin(this.#members.assertMember(request), request)
  }

  /** Answered when the leader has sent the assignments. `assignments` is the leader's; from others it is empty. */
  async sync(ref: MemberRef, assignments: ReadonlyMap<string, Buffer>): Promise<Synced> {
    const member = this.#assertCurrent(ref)
    this.#members.keepAlive(member)
    if (this.#state === 'PreparingRebalance') throw rebalancing()
    this.#syncPhase.hasAsked(member.id)
    if (this.#state === 'Stable') return synced(this.#generation, member)
    return new Promise((resolve, reject) => {
      member.syncing?.reject(unknownMember(member.id))
      member.syncing = { resolve, reject }
      if (member.id === this.#generation.leader) this.#assign(assignments).catch(this.#options.onError)
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
    if (this.protocolType !== CONSUMER_PROTOCOL_TYPE) return false
    const all = this.members.flatMap(({ protocols }) => protocols.map(({ metadata }) => subscribedTopics(metadata)))
    return all.some((topics) => topics === undefined || topics.includes(topic))
  }

  /** Ends all timers and turns away who waits. */
  close(): void {
    this.#joinPhase.end()
    this.#syncPhase.end()
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
    this.#generation = { ...this.#generation, protocolType: request.protocolType }
    this.#joinPhase.memberCame()
    return this.#awaitGeneration(member)
  }

  #rejoin(member: Member, request: JoinRequest): Promise<Joined> | Joined {
    const unchanged = sameProtocols(member.protocols, request.protocols)
    this.#update(member, request)
    // The leader joins again when it wants another assignment; a follower may only have missed the answer.
    if (unchanged && this.#state === 'CompletingRebalance') return this.#joined(member)
    if (unchanged && this.#state === 'Stable' && member.id !== this.#generation.leader) return this.#joined(member)
    return this.#awaitGeneration(member)
  }

  /** A static member came back after a restart, without its id: it gets a new one, and whoever still uses the old one is fenced. */
  async #replaceStatic(member: Member, request: JoinRequest): Promise<Joined> {
    const { id: oldId } = member
    const wasLeader = this.#generation.leader === oldId
    this.#members.rename(member, `${request.groupInstanceId}-${randomUUID()}`)
    if (wasLeader) this.#generation = { ...this.#generation, leader: member.id }
    this.#syncPhase.renamed(oldId, member.id)
    this.#update(member, request)
    // What it subscribes to may differ, as Kafka has it (KIP-345): clients put more than topics into their metadata.
    const isSettled = this.#state === 'Stable' && electProtocol(this.members) === this.protocolName
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
    this.#syncPhase.end()
    const { initialRebalanceDelayMs } = this.#options.settings
    const isFirst = this.isEmpty && initialRebalanceDelayMs > 0
    this.#state = 'PreparingRebalance'
    if (isFirst) this.#joinPhase.awaitMore(initialRebalanceDelayMs, this.#rebalanceTimeoutMs)
    else {
      this.#joinPhase.awaitKnown(this.#rebalanceTimeoutMs)
      this.#beginIfAllJoined()
    }
  }

  #beginIfAllJoined(): void {
    if (this.#state !== 'PreparingRebalance' || this.#joinPhase.isDelayed || this.#members.hasPending) return
    if (this.members.every((member) => member.joining !== undefined)) this.#begin()
  }

  /** Time is up: whoever has not joined again is out, except static members, whom only their session's end removes. */
  #beginWithoutMissing(): void {
    for (const member of this.members)
      if (member.joining === undefined && member.instanceId === null) this.#drop(member)
    const someoneJoined = this.members.some((member) => member.joining !== undefined)
    if (someoneJoined || this.#members.size === 0) this.#begin()
    else this.#joinPhase.awaitKnown(this.#rebalanceTimeoutMs)
  }

  #begin(): void {
    this.#joinPhase.end()
    const members = this.members
    this.#generation = nextGeneration(this.#generation, members)
    if (members.length === 0) {
      this.#becomeEmpty()
      return
    }
    this.#state = 'CompletingRebalance'
    for (const member of members) {
      member.assignment = NO_ASSIGNMENT
      member.isNew = false
      this.#members.keepAlive(member)
      member.joining?.resolve(this.#joined(member))
      member.joining = undefined
    }
    const ids = members.map(({ id }) => id)
    this.#syncPhase.begin(ids, this.#rebalanceTimeoutMs, (missing) => this.#removeUnsynced(missing))
  }

  #becomeEmpty(): void {
    this.#state = 'Empty'
    this.#emptySinceMs = this.#options.timers.now()
    this.#write().catch(this.#options.onError)
  }

  /** Everybody is told when it is written: what a member has been told holds after a restart too. */
  async #assign(assignments: ReadonlyMap<string, Buffer>): Promise<void> {
    const { id: generationId } = this.#generation
    const failure = await this.#write(assignments).then(
      () => undefined,
      (error: KafkaError) => error,
    )
    if (this.#state !== 'CompletingRebalance' || this.#generation.id !== generationId) return
    if (failure !== undefined) {
      for (const member of this.members) turnAway(member, failure)
      this.#prepareRebalance()
      return
    }
    this.#state = 'Stable'
    for (const member of this.members) {
      member.assignment = assignments.get(member.id) ?? NO_ASSIGNMENT
      if (member.syncing) this.#members.keepAlive(member)
      member.syncing?.resolve(synced(this.#generation, member))
      member.syncing = undefined
    }
  }

  /** The leader, or whoever else joined and then did not ask for its assignment, is out. */
  #removeUnsynced(missing: ReadonlySet<string>): void {
    for (const member of this.members.filter(({ id }) => missing.has(id))) this.#drop(member)
    this.#prepareRebalance()
  }

  #remove(member: Member): void {
    this.#drop(member)
    if (this.#state === 'PreparingRebalance') this.#beginIfAllJoined()
    else if (!this.isEmpty) this.#prepareRebalance()
  }

  #drop(member: Member): void {
    this.#members.remove(member)
    this.#syncPhase.left(member.id)
    if (this.#generation.leader === member.id) this.#generation = { ...this.#generation, leader: undefined }
  }

  // — answers and checks —

  get #rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.members.map((member) => member.rebalanceTimeoutMs))
  }

  #joined(member: Member): Joined {
    return joined(this.#generation, member, this.members)
  }

  #assertCurrent(ref: MemberRef): Member {
    return this.#members.assertCurrent(ref, this.#generation.id)
  }

  // — what is kept —

  async #write(assignments?: ReadonlyMap<string, Buffer>): Promise<void> {
    try {
      const emptySinceMs = this.isEmpty ? this.#emptySinceMs : null
      await this.#options.write(storedGroup(this.#generation, this.members, { assignments, emptySinceMs }))
    } catch (error) {
      throw new KafkaError('COORDINATOR_NOT_AVAILABLE', `the group could not be written: ${error}`)
    }
  }

  #restore(stored: StoredClassicGroup): void {
    const { members, emptySinceMs } = stored
    this.#emptySinceMs = emptySinceMs ?? 0
    this.#generation = restoredGeneration(stored)
    this.#state = members.length > 0 ? 'Stable' : 'Empty'
    for (const member of members.map(restoredMember)) {
      this.#members.add(member)
      this.#members.keepAlive(member)
    }
  }
}
