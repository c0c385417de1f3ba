import type { PartitionSet } from './partition-set.ts'
import { assignRange } from './range-assignor.ts'
import type { PartitionCounts } from './subscription.ts'
import { assignUniform } from './uniform-assignor.ts'

/** A member as an assignor sees it. */
export interface AssignableMember {
  readonly id: string
  readonly instanceId: string | null
  /** The ids of the topics that it is subscribed to. */
  readonly topicIds: ReadonlySet<string>
  /** What the assignment before this one gave it. */
  readonly previous: PartitionSet
}

/** Gives every partition of every topic that somebody is subscribed to, to one of those members. */
export type Assignor = (
  members: readonly AssignableMember[],
  partitionCounts: PartitionCounts,
) => ReadonlyMap<string, PartitionSet>

/** Kafka's server-side assignors by name, the default first. */
export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', assignUniform],
  ['range', assignRange],
])

const DEFAULT_ASSIGNOR = 'uniform'

/** The assignor that most members want; the default where none of them says. */
export function preferredAssignor(members: Iterable<{ readonly serverAssignor: string | null }>): string {
  const votes = new Map<string, number>()
  for (const { serverAssignor } of members)
    if (serverAssignor !== null) votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1)
  const [elected] = [...votes].sort(([, a], [, b]) => b - a)
  return elected?.[0] ?? DEFAULT_ASSIGNOR
}
