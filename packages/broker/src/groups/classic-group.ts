import { randomUUID } from 'node:crypto'
import { KafkaError } from '../protocol/index.ts'
import {
  commonProtocols,
  electProtocol,
  type Joined,
  type JoinRequest,
  type Member,
  type MemberIdRequired,
  NO_ASSIGNMENT,
  newMember,
  type Synced,
  sameProtocols,
} from './member.ts'
import type { Timer, Timers } from './timers.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

/** Who asks: a member by its id, in the generation that it believes to be in. */
export interface MemberRef {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

/**
 * One group of the classic rebalance protocol. Its members join; when all known ones have, a generation begins and they learn who leads;
 * the leader sends everyone's assignment and all get theirs. Errors are `KafkaError`s, as clients expect them of Kafka.
 */
export class ClassicGroup {
  readonly type = 'classic'
  readonly id: string
  readonly #timers: Timers
  readonly #members = new Map<string, Member>()
  /** Members with a name of their own (KIP-345): the id that each has now. */
  readonly #staticIds = new Map<string, string>()
  /** Ids that were given out, whose clients have yet to come back with them. */
  readonly #pendingIds = new Map<string, Timer>()
  #state: GroupState = 'Empty'
  #generationId = 0
  #protocolType = ''
  #protocolName = ''
  #leader: string | undefined
  #rebalance: Timer | undefined

  constructor(id: string, timers: Timers) {
    this.id = id
    this.#timers = timers
  }

  get state(): GroupState {
    return this.#state
  }
  get isEmpty(): boolean {
    return this.#state === 'Empty'
  }
  get generationId(): number {
    return this.#generationId
  }
  get protocolType(): string {
    return this.#protocolType
  }
  /** The assignment strategy in use; empty while there is none. */
  get protocolName(): string {
    return this.#protocolName
  }
  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** Answered at once, or when the rebalance that it takes part in begins a new generation. */
  async join(request: JoinRequest): Promise<Joined | MemberIdRequired> {
    this.#assertFits(request)
    const known = this.#staticId(request)
    if (known !== undefined && request.memberId === '') return this.#replaceStatic(known, request)
    if (request.memberId === '') return this.#joinNew(request)
    if (this.#pendingIds.has(request.memberId)) return this.#admit(request.memberId, request)
    return this.#rejoin(this.#assertMember(request), request)
  }

  /** Answered when the leader has sent the assignments. `assignments` is the leader's; from others it is empty. */
  async sync(member: MemberRef, assignments: ReadonlyMap<string, Buffer>): Promise<Synced> {
    const who = this.#assertCurrent(member)
    this.#keepAlive(who)
    if (this.#state === 'PreparingRebalance') throw rebalancing()
    if (this.#state === 'Stable') return this.#synced(who)
    return new Promise((resolve, reject) => {
      who.syncing?.reject(new KafkaError('UNKNOWN_MEMBER_ID', 'the member asked for its assignment again'))
      who.syncing = { resolve, reject }
      if (who.id === this.#leader) this.#assign(assignments)
    })
  }

  /** Throws REBALANCE_IN_PROGRESS where the member is to join again. */
  heartbeat(member: MemberRef): void {
    this.#keepAlive(this.#assertCurrent(member))
    if (this.#state === 'PreparingRebalance') throw rebalancing()
  }

  leave(memberId: string, groupInstanceId: string | null): void {
    const staticId = groupInstanceId === null ? undefined : this.#staticIds.get(groupInstanceId)
    if (groupInstanceId !== null && memberId === '' && staticId === undefined) throw unknownMember(groupInstanceId)
    const id = memberId === '' && staticId !== undefined ? staticId : memberId
    if (staticId !== undefined && staticId !== id) throw fenced(groupInstanceId ?? '')
    const pending = this.#pendingIds.get(id)
    const member = this.#members.get(id)
    if (pending) this.#forgetPending(id, pending)
    else if (member) this.#remove(member)
    else throw unknownMember(id)
  }

  /** Whether offsets may be committed: by anyone while the group is empty, else by a member of this generation. */
  assertMayCommit(member: MemberRef, { isTransactional = false } = {}): void {
    if (member.generationId < 0 && this.#state === 'Empty') return
    if (member.generationId < 0 && member.memberId === '' && member.groupInstanceId === null) {
      // Before TxnOffsetCommit 3 a transaction could not say who it commits for.
      if (isTransactional) return
      throw new KafkaError('UNKNOWN_MEMBER_ID', `group "${this.id}" has members, and the commit names none of them`)
    }
    this.#keepAlive(this.#assertCurrent(member))
    if (!isTransactional && this.#state === 'CompletingRebalance') throw rebalancing()
  }

  /** Ends all timers and turns away who waits. */
  close(): void {
    this.#rebalance?.cancel()
    for (const timer of this.#pendingIds.values()) timer.cancel()
    for (const member of this.#members.values()) {
      member.session?.cancel()
      turnAway(member, new KafkaError('COORDINATOR_NOT_AVAILABLE', 'the broker is stopping'))
    }
  }

  // — joining —

  #joinNew(request: JoinRequest): Promise<Joined> | MemberIdRequired {
    const memberId = `${request.groupInstanceId ?? request.clientId}-${randomUUID()}`
    if (request.groupInstanceId !== null || !request.mustKnowMemberId) return this.#admit(memberId, request)
    const expiry = this.#timers.after(request.sessionTimeoutMs, () => this.#forgetPending(memberId, expiry))
    this.#pendingIds.set(memberId, expiry)
    return { memberIdRequired: memberId }
  }

  #admit(memberId: string, request: JoinRequest): Promise<Joined> {
    this.#pendingIds.get(memberId)?.cancel()
    this.#pendingIds.delete(memberId)
    const member = newMember(memberId, request)
    this.#members.set(memberId, member)
    if (member.instanceId !== null) this.#staticIds.set(member.instanceId, memberId)
    this.#protocolType = request.protocolType
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
  #replaceStatic(oldId: string, request: JoinRequest): Promise<Joined> | Joined {
    const member = this.#members.get(oldId)
    if (member === undefined) throw unknownMember(oldId)
    const unchanged = sameProtocols(member.protocols, request.protocols)
    const leader = this.#leader
    this.#rename(member, `${request.groupInstanceId}-${randomUUID()}`)
    this.#update(member, request)
    if (!unchanged || this.#state !== 'Stable') return this.#awaitGeneration(member)
    if (leader !== oldId) return this.#joined(member)
    // An older client that learnt that it leads would assign anew: it is told of its former self instead.
    return request.canSkipAssignment
      ? { ...this.#joined(member), skipAssignment: true }
      : { ...this.#joined(member), leader: oldId, members: [] }
  }

  #rename(member: Member, id: string): void {
    turnAway(member, fenced(member.instanceId ?? ''))
    this.#members.delete(member.id)
    if (this.#leader === member.id) this.#leader = id
    member.id = id
    this.#members.set(id, member)
    if (member.instanceId !== null) this.#staticIds.set(member.instanceId, id)
  }

  #update(member: Member, request: JoinRequest): void {
    member.protocols = request.protocols
    member.sessionTimeoutMs = request.sessionTimeoutMs
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    this.#keepAlive(member)
  }

  #awaitGeneration(member: Member): Promise<Joined> {
    return new Promise((resolve, reject) => {
      member.joining?.reject(new KafkaError('UNKNOWN_MEMBER_ID', 'the member joined again'))
      member.joining = { resolve, reject }
      this.#keepAlive(member)
      if (this.#state === 'PreparingRebalance') this.#beginIfAllJoined()
      else this.#prepareRebalance()
    })
  }

  // — the rebalance —

  #prepareRebalance(): void {
    for (const member of this.#members.values()) {
      if (member.syncing) this.#keepAlive(member)
      member.syncing?.reject(rebalancing())
      member.syncing = undefined
    }
    this.#state = 'PreparingRebalance'
    this.#awaitMembers()
    this.#beginIfAllJoined()
  }

  #awaitMembers(): void {
    const timeoutMs = Math.max(0, ...this.members.map((member) => member.rebalanceTimeoutMs))
    this.#rebalance?.cancel()
    this.#rebalance = this.#timers.after(timeoutMs, () => this.#beginWithoutMissing())
  }

  #beginIfAllJoined(): void {
    const allJoined = this.members.every((member) => member.joining !== undefined)
    if (this.#state === 'PreparingRebalance' && allJoined && this.#pendingIds.size === 0) this.#begin()
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
    this.#rebalance?.cancel()
    this.#rebalance = undefined
    this.#generationId++
    const members = this.members
    if (members.length === 0) {
      this.#state = 'Empty'
      this.#protocolName = ''
      this.#leader = undefined
      return
    }
    this.#protocolName = electProtocol(members)
    this.#leader = this.#electLeader(members)
    this.#state = 'CompletingRebalance'
    for (const member of members) {
      member.assignment = NO_ASSIGNMENT
      this.#keepAlive(member)
      member.joining?.resolve(this.#joined(member))
      member.joining = undefined
    }
    const timeoutMs = Math.max(...members.map((member) => member.rebalanceTimeoutMs))
    this.#rebalance = this.#timers.after(timeoutMs, () => this.#removeUnsynced())
  }

  #electLeader(members: readonly Member[]): string | undefined {
    const leader = this.#leader === undefined ? undefined : this.#members.get(this.#leader)
    return (leader?.joining ? leader : members.find((member) => member.joining !== undefined))?.id
  }

  #assign(assignments: ReadonlyMap<string, Buffer>): void {
    this.#rebalance?.cancel()
    this.#rebalance = undefined
    this.#state = 'Stable'
    for (const member of this.#members.values()) {
      member.assignment = assignments.get(member.id) ?? NO_ASSIGNMENT
      if (member.syncing) this.#keepAlive(member)
      member.syncing?.resolve(this.#synced(member))
      member.syncing = undefined
    }
  }

  /** The leader, or whoever else joined and then fell silent, holds up the rest no longer. */
  #removeUnsynced(): void {
    if (this.#state !== 'CompletingRebalance') return
    for (const member of this.members) if (member.syncing === undefined) this.#drop(member)
    this.#prepareRebalance()
  }

  // — members —

  #remove(member: Member): void {
    this.#drop(member)
    if (this.#state === 'PreparingRebalance') this.#beginIfAllJoined()
    else if (this.#state !== 'Empty') this.#prepareRebalance()
  }

  #drop(member: Member): void {
    member.session?.cancel()
    turnAway(member, unknownMember(member.id))
    this.#members.delete(member.id)
    if (member.instanceId !== null) this.#staticIds.delete(member.instanceId)
    if (this.#leader === member.id) this.#leader = undefined
  }

  #forgetPending(memberId: string, timer: Timer): void {
    timer.cancel()
    this.#pendingIds.delete(memberId)
    this.#beginIfAllJoined()
  }

  #keepAlive(member: Member): void {
    member.session?.cancel()
    member.session = this.#timers.after(member.sessionTimeoutMs, () => {
      // Whoever waits for the group is not expected to send heartbeats meanwhile.
      if (member.joining || member.syncing) this.#keepAlive(member)
      else this.#remove(member)
    })
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

  // — checks —

  #assertFits(request: JoinRequest): void {
    const others = this.members.filter((member) => member.id !== request.memberId)
    const names = new Set(request.protocols.map(({ name }) => name))
    const fits =
      names.size > 0 &&
      (others.length === 0 ||
        (request.protocolType === this.#protocolType && !commonProtocols(others).isDisjointFrom(names)))
    if (!fits)
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', `the protocols do not go with those of group "${this.id}"`)
  }

  #assertCurrent(member: MemberRef): Member {
    const who = this.#assertMember(member)
    if (member.generationId !== this.#generationId)
      throw new KafkaError('ILLEGAL_GENERATION', `generation ${member.generationId} is over: now ${this.#generationId}`)
    return who
  }

  #assertMember(member: Pick<MemberRef, 'memberId' | 'groupInstanceId'>): Member {
    const staticId = this.#staticId(member)
    if (staticId !== undefined && staticId !== member.memberId) throw fenced(member.groupInstanceId ?? '')
    const who = this.#members.get(member.memberId)
    if (who === undefined) throw unknownMember(member.memberId)
    return who
  }

  #staticId({ groupInstanceId }: Pick<MemberRef, 'groupInstanceId'>): string | undefined {
    return groupInstanceId === null ? undefined : this.#staticIds.get(groupInstanceId)
  }
}

function turnAway(member: Member, error: KafkaError): void {
  member.joining?.reject(error)
  member.syncing?.reject(error)
  member.joining = undefined
  member.syncing = undefined
}

function rebalancing(): KafkaError {
  return new KafkaError('REBALANCE_IN_PROGRESS', 'the group is rebalancing')
}

function unknownMember(memberId: string): KafkaError {
  return new KafkaError('UNKNOWN_MEMBER_ID', `the group has no member "${memberId}"`)
}

function fenced(groupInstanceId: string): KafkaError {
  return new KafkaError('FENCED_INSTANCE_ID', `another member has the instance id "${groupInstanceId}"`)
}
