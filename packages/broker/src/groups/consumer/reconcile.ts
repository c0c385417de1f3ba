import { type ConsumerMember, isReconciledTo } from './member.ts'
import { isSamePartitions, NO_PARTITIONS, type PartitionSet } from './partition-set.ts'

/** What a member is to have, and the epoch in which it is to have it. */
export interface TargetAssignment {
  readonly epoch: number
  readonly partitions: PartitionSet
}

/**
 * Takes a member as far towards its target as may be: it gives up first, and only when it has does it move to the target's epoch and get what
 * no other member holds. `owned` is what it says that it has, null where it does not say. The same object where nothing changes.
 */
export function reconcile(
  member: ConsumerMember,
  target: TargetAssignment,
  heldByOthers: PartitionSet,
  owned: PartitionSet | null,
): ConsumerMember {
  if (isReconciledTo(member, target.epoch)) return member
  if (member.state === 'UNREVOKED_PARTITIONS' && mayStillOwn(owned, member.pendingRevocation)) return member
  const next = advance(member, target, heldByOthers, owned)
  return isSamePlace(member, next) ? member : next
}

function advance(
  member: ConsumerMember,
  target: TargetAssignment,
  heldByOthers: PartitionSet,
  owned: PartitionSet | null,
): ConsumerMember {
  const kept = member.assigned.intersection(target.partitions)
  const revoked = member.assigned.difference(kept)
  if (revoked.size > 0 && mayStillOwn(owned, revoked))
    return {
      ...member,
      previousEpoch: member.epoch,
      state: 'UNREVOKED_PARTITIONS',
      assigned: kept,
      pendingRevocation: revoked,
    }
  const missing = target.partitions.difference(kept)
  const free = missing.difference(heldByOthers)
  return {
    ...member,
    epoch: target.epoch,
    previousEpoch: member.epoch,
    state: free.size < missing.size ? 'UNRELEASED_PARTITIONS' : 'STABLE',
    assigned: kept.union(free),
    pendingRevocation: NO_PARTITIONS,
  }
}

/** A member that says nothing of what it owns may own anything that it was given. */
function mayStillOwn(owned: PartitionSet | null, partitions: PartitionSet): boolean {
  return owned === null || !owned.isDisjointFrom(partitions)
}

function isSamePlace(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.epoch === b.epoch &&
    a.state === b.state &&
    isSamePartitions(a.assigned, b.assigned) &&
    isSamePartitions(a.pendingRevocation, b.pendingRevocation)
  )
}
