import { KafkaError } from '../../protocol/index.ts'
import type { Timer, Timers } from '../timers.ts'
import { fenced, unknownMember } from './group-errors.ts'
import { isWaiting, type Member, type MemberRef, turnAway } from './member.ts'

/** How long a member that is new may wait for its first generation before it is given up: its client may long be gone (KIP-394). */
const NEW_MEMBER_TIMEOUT_MS = 300_000

/** The members of a classic group, those that have yet to come back with the ids they were given, and how long each may be silent. */
export class Members {
  readonly #timers: Timers
  readonly #onSilent: (member: Member) => void
  readonly #onPendingGone: () => void
  readonly #byId = new Map<string, Member>()
  /** Members with a name of their own (KIP-345): the id that each has now. */
  readonly #staticIds = new Map<string, string>()
  /** Ids that were given out, whose clients have yet to come back with them. */
  readonly #pending = new Map<string, Timer>()

  /** `onSilent` is told of a member whose session has ended, which is still there; `onPendingGone` of an id that nobody came back with. */
  constructor(timers: Timers, onSilent: (member: Member) => void, onPendingGone: () => void) {
    this.#timers = timers
    this.#onSilent = onSilent
    this.#onPendingGone = onPendingGone
  }

  get size(): number {
    return this.#byId.size
  }

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  list(): readonly Member[] {
    return [...this.#byId.values()]
  }

  find(memberId: string): Member | undefined {
    return this.#byId.get(memberId)
  }

  /** The member that has an instance id; none for null. */
  findStatic(groupInstanceId: string | null): Member | undefined {
    const id = groupInstanceId === null ? undefined : this.#staticIds.get(groupInstanceId)
    return id === undefined ? undefined : this.#byId.get(id)
  }

  add(member: Member): void {
    this.#byId.set(member.id, member)
    if (member.instanceId !== null) this.#staticIds.set(member.instanceId, member.id)
  }

  /** Takes a member out; whatever it waits for is refused with `error`. */
  remove(member: Member, error: KafkaError = unknownMember(member.id)): void {
    member.session?.cancel()
    turnAway(member, error)
    this.#byId.delete(member.id)
    if (member.instanceId !== null) this.#staticIds.delete(member.instanceId)
  }

  /** Gives a static member another id; what its former self waits for is refused. */
  rename(member: Member, id: string): void {
    turnAway(member, fenced(member.instanceId ?? ''))
    this.#byId.delete(member.id)
    member.id = id
    this.add(member)
  }

  /** Waits for the client that was given `memberId` to come back with it. */
  expect(memberId: string, withinMs: number): void {
    const expiry = this.#timers.after(withinMs, () => {
      this.arrived(memberId)
      this.#onPendingGone()
    })
    this.#pending.set(memberId, expiry)
  }

  /** Whether `memberId` was waited for; it no longer is. */
  arrived(memberId: string): boolean {
    this.#pending.get(memberId)?.cancel()
    return this.#pending.delete(memberId)
  }

  isPending(memberId: string): boolean {
    return this.#pending.has(memberId)
  }

  /** A member has been heard of. */
  keepAlive(member: Member): void {
    member.session?.cancel()
    member.session = this.#timers.after(member.isNew ? NEW_MEMBER_TIMEOUT_MS : member.sessionTimeoutMs, () => {
      // Whoever waits for the group is not expected to send heartbeats meanwhile.
      if (isWaiting(member) && !member.isNew) this.keepAlive(member)
      else this.#onSilent(member)
    })
  }

  /** The member that a request names. Throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID or ILLEGAL_GENERATION. */
  assertCurrent(ref: MemberRef, generationId: number): Member {
    const member = this.assertMember(ref)
    if (ref.generationId !== generationId)
      throw new KafkaError('ILLEGAL_GENERATION', `generation ${ref.generationId} is over: now ${generationId}`)
    return member
  }

  assertMember({ memberId, groupInstanceId }: Pick<MemberRef, 'memberId' | 'groupInstanceId'>): Member {
    const instance = this.findStatic(groupInstanceId)
    if (instance !== undefined && instance.id !== memberId) throw fenced(groupInstanceId ?? '')
    const member = this.#byId.get(memberId)
    // A static member that the group does not know is unknown even where the id is somebody's.
    if (member === undefined || (groupInstanceId !== null && instance === undefined)) throw unknownMember(memberId)
    return member
  }

  /** Ends all timers and turns away who waits. */
  close(error: KafkaError): void {
    for (const timer of this.#pending.values()) timer.cancel()
    for (const member of this.#byId.values()) {
      member.session?.cancel()
      turnAway(member, error)
    }
  }
}
