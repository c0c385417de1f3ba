import type { Generation } from './generation.ts'
import type { Member } from './member.ts'

/** A classic group as its journal keeps it: a generation whose members have their assignments, or nobody any more. */
export interface StoredClassicGroup {
  readonly generationId: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string | null
  readonly members: readonly StoredMember[]
  /** When its last member left, in ms since the epoch; null where it has members. */
  readonly emptySinceMs: number | null
}

/** Bytes are in base64. */
interface StoredMember
  extends Pick<Member, 'id' | 'instanceId' | 'clientId' | 'clientHost' | 'sessionTimeoutMs' | 'rebalanceTimeoutMs'> {
  readonly protocols: readonly { readonly name: string; readonly metadata: string }[]
  readonly assignment: string
}

/** A group as it will be with `assignments`; members that are not in there keep what they have. */
export function storedGroup(
  { id, leader, protocolType, protocolName }: Generation,
  members: readonly Member[],
  { assignments, emptySinceMs }: { assignments?: ReadonlyMap<string, Buffer> | undefined; emptySinceMs: number | null },
): StoredClassicGroup {
  return {
    generationId: id,
    protocolType,
    protocolName,
    leader: leader ?? null,
    emptySinceMs,
    members: members.map((member) => storedMember(member, assignments?.get(member.id) ?? member.assignment)),
  }
}

export function restoredGeneration({
  generationId,
  protocolType,
  protocolName,
  leader,
}: StoredClassicGroup): Generation {
  return { id: generationId, protocolType, protocolName, leader: leader ?? undefined }
}

function storedMember(member: Member, assignment: Buffer): StoredMember {
  const { id, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs } = member
  return {
    id,
    instanceId,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols: member.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.toString('base64') })),
    assignment: assignment.toString('base64'),
  }
}

export function restoredMember({ protocols, assignment, ...member }: StoredMember): Member {
  return {
    ...member,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata, 'base64') })),
    assignment: Buffer.from(assignment, 'base64'),
    isNew: false,
    joining: undefined,
    syncing: undefined,
    session: undefined,
  }
}
