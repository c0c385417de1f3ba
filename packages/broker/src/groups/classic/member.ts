import type { joinGroup, KafkaError, RequestOf } from '../../protocol/index.ts'
import type { Timer } from '../timers.ts'

/** A way of assigning partitions that a member knows, with what it wants the leader to know for it. */
export interface GroupProtocol {
  readonly name: string
  readonly metadata: Buffer
}

/** Who asks: a member by its id, in the generation that it believes to be in. */
export interface MemberRef {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

/** What a group needs to know of one who joins. */
export interface JoinRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly GroupProtocol[]
  /** Whether the client is to come back with the member id that it gets: JoinGroup from version 4 on (KIP-394). */
  readonly mustKnowMemberId: boolean
  /** Whether a leader understands that its assignment stands: JoinGroup from version 9 on (KIP-814). */
  readonly canSkipAssignment: boolean
}

interface JoinedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly metadata: Buffer
}

export interface Joined {
  readonly generationId: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string
  readonly memberId: string
  readonly skipAssignment: boolean
  /** For the leader all members, for others none. */
  readonly members: readonly JoinedMember[]
}

/** The client has to ask again with this member id. */
export interface MemberIdRequired {
  readonly memberIdRequired: string
}

export interface Synced {
  readonly protocolType: string
  readonly protocolName: string
  readonly assignment: Buffer
}

/** A request that is answered when the rebalance has come so far. */
interface Waiting<T> {
  resolve(answer: T): void
  reject(error: KafkaError): void
}

export interface Member {
  id: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly GroupProtocol[]
  assignment: Buffer
  /** Whether it waits for its first generation. */
  isNew: boolean
  joining: Waiting<Joined> | undefined
  syncing: Waiting<Synced> | undefined
  session: Timer | undefined
}

export const NO_ASSIGNMENT = Buffer.alloc(0)

export function newMember(id: string, request: JoinRequest): Member {
  return {
    id,
    instanceId: request.groupInstanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    protocols: request.protocols,
    assignment: NO_ASSIGNMENT,
    isNew: true,
    joining: undefined,
    syncing: undefined,
    session: undefined,
  }
}

export function isWaiting(member: Member): boolean {
  return member.joining !== undefined || member.syncing !== undefined
}

/** Refuses whatever a member waits for. */
export function turnAway(member: Member, error: KafkaError): void {
  member.joining?.reject(error)
  member.syncing?.reject(error)
  member.joining = undefined
  member.syncing = undefined
}

/** Copies protocols out of a request, whose bytes are not to be kept. */
export function protocolsOf(request: RequestOf<typeof joinGroup>): GroupProtocol[] {
  return request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
}

export function sameProtocols(a: readonly GroupProtocol[], b: readonly GroupProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, index) => protocol.name === b[index]?.name && protocol.metadata.equals(b[index].metadata))
  )
}

/** The names of the protocols that every member knows. */
export function commonProtocols(members: Iterable<Member>): Set<string> {
  let common: Set<string> | undefined
  for (const { protocols } of members) {
    const names = new Set(protocols.map((protocol) => protocol.name))
    common = common === undefined ? names : common.intersection(names)
  }
  return common ?? new Set()
}
