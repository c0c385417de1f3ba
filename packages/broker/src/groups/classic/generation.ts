import { KafkaError } from '../../protocol/index.ts'
import { commonProtocols, type Joined, type Member, NO_ASSIGNMENT, type Synced } from './member.ts'

/** What the members of a group have agreed upon. */
export interface Generation {
  readonly id: number
  /** What kind of group it is; empty before anybody has joined. */
  readonly protocolType: string
  /** The assignment strategy in use; empty while there is none. */
  readonly protocolName: string
  /** The member that assigns; undefined where nobody is there, or whoever did has gone. */
  readonly leader: string | undefined
}

export const NO_GENERATION: Generation = { id: 0, protocolType: '', protocolName: '', leader: undefined }

/** What follows when the members are complete. Who leads leads on, unless it has not joined again. */
export function nextGeneration(before: Generation, members: readonly Member[]): Generation {
  const next = { ...before, id: before.id + 1 }
  if (members.length === 0) return { ...next, protocolName: '', leader: undefined }
  const joined = members.filter((member) => member.joining !== undefined)
  const leader = joined.find(({ id }) => id === before.leader) ?? joined[0]
  return { ...next, protocolName: electProtocol(members), leader: leader?.id }
}

/** The protocol that most members like best of those that all know; the first by name of several. */
export function electProtocol(members: readonly Member[]): string {
  const common = commonProtocols(members)
  const votes = new Map<string, number>()
  for (const { protocols } of members) {
    const liked = protocols.find(({ name }) => common.has(name))?.name
    if (liked !== undefined) votes.set(liked, (votes.get(liked) ?? 0) + 1)
  }
  const [elected] = [...votes].sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1))
  if (elected === undefined)
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', 'the members have no protocol in common')
  return elected[0]
}

/** What one of the members is told of its generation: who leads it, of all the others. */
export function joined(generation: Generation, { id }: Member, members: readonly Member[]): Joined {
  const { protocolType, protocolName, leader = '' } = generation
  const told = id === leader ? members.map((other) => describe(other, protocolName)) : []
  return {
    generationId: generation.id,
    protocolType,
    protocolName,
    leader,
    memberId: id,
    skipAssignment: false,
    members: told,
  }
}

function describe({ id, instanceId, protocols }: Member, protocolName: string): Joined['members'][number] {
  const chosen = protocols.find(({ name }) => name === protocolName)
  return { memberId: id, groupInstanceId: instanceId, metadata: chosen?.metadata ?? NO_ASSIGNMENT }
}

export function synced({ protocolType, protocolName }: Generation, { assignment }: Member): Synced {
  return { protocolType, protocolName, assignment }
}
