import { type ConsumerGroupState, NEW_GROUP } from './group-state.ts'
import type { ConsumerMember } from './member.ts'
import { byTopic, NO_PARTITIONS, partitionSetOf, type TopicPartitions } from './partition-set.ts'

/** What has changed in a consumer group, as its journal keeps it. */
export interface ConsumerGroupChange {
  readonly group: string
  /** Whether this is the whole group, whatever was there before. */
  readonly isWhole: boolean
  readonly epoch: number
  readonly assignmentEpoch: number
  readonly partitionCounts: readonly (readonly [topicId: string, count: number])[]
  /** Members that are new or other than before, with their targets. */
  readonly members: readonly StoredMember[]
  readonly gone: readonly string[]
}

interface StoredMember extends Omit<ConsumerMember, 'assigned' | 'pendingRevocation'> {
  readonly assigned: readonly TopicPartitions[]
  readonly pendingRevocation: readonly TopicPartitions[]
  readonly target: readonly TopicPartitions[]
}

export function changeBetween(
  group: string,
  before: ConsumerGroupState | undefined,
  after: ConsumerGroupState,
): ConsumerGroupChange {
  const { members, targets } = before ?? NEW_GROUP
  const isOther = ({ id }: ConsumerMember) =>
    members.get(id) !== after.members.get(id) || targets.get(id) !== after.targets.get(id)
  return {
    group,
    isWhole: before === undefined,
    epoch: after.epoch,
    assignmentEpoch: after.assignmentEpoch,
    partitionCounts: [...after.partitionCounts],
    members: [...after.members.values()].filter(isOther).map((member) => ({
      ...member,
      assigned: byTopic(member.assigned),
      pendingRevocation: byTopic(member.pendingRevocation),
      target: byTopic(after.targets.get(member.id) ?? NO_PARTITIONS),
    })),
    gone: [...members.keys()].filter((id) => !after.members.has(id)),
  }
}

export function withChange(before: ConsumerGroupState | undefined, change: ConsumerGroupChange): ConsumerGroupState {
  const base = change.isWhole ? NEW_GROUP : (before ?? NEW_GROUP)
  const members = new Map(base.members)
  const targets = new Map(base.targets)
  for (const { target, assigned, pendingRevocation, ...member } of change.members) {
    members.set(member.id, {
      ...member,
      assigned: partitionSetOf(assigned),
      pendingRevocation: partitionSetOf(pendingRevocation),
    })
    targets.set(member.id, partitionSetOf(target))
  }
  for (const id of change.gone) {
    members.delete(id)
    targets.delete(id)
  }
  const { epoch, assignmentEpoch } = change
  return { epoch, assignmentEpoch, partitionCounts: new Map(change.partitionCounts), members, targets }
}
