import { NO_PARTITIONS, type PartitionSet } from './partition-set.ts'

/**
 * How far a member is on its way to its target assignment:
 * - STABLE: it has what it is to have in its epoch;
 * - UNREVOKED_PARTITIONS: it has to give partitions up before it moves to the next epoch;
 * - UNRELEASED_PARTITIONS: it is in the epoch of the target and waits for partitions that others have yet to give up.
 */
type MemberState = 'STABLE' | 'UNREVOKED_PARTITIONS' | 'UNRELEASED_PARTITIONS'

/** A member of a consumer group (KIP-848). Never changed: a change makes another. */
export interface ConsumerMember {
  readonly id: string
  /** The name of its own of a static member, which outlives its member ids. */
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** How long it may take to give partitions up. */
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[]
  /** In RE2's syntax, against whole topic names; empty for none. */
  readonly subscribedTopicRegex: string
  /** The assignor that it would have; null for none in particular. */
  readonly serverAssignor: string | null
  /** LEFT_TO_REJOIN for a static member that is expected back. */
  readonly epoch: number
  readonly previousEpoch: number
  readonly state: MemberState
  readonly assigned: PartitionSet
  /** What it has been told to give up, and may still be reading from. */
  readonly pendingRevocation: PartitionSet
}

/** The member epoch of a request to join. */
export const JOINING = 0
/** The member epoch of a request to leave for good. */
export const LEFT = -1
/** The member epoch of a static member that leaves and will be back under its instance id. */
export const LEFT_TO_REJOIN = -2

export function newConsumerMember(id: string): ConsumerMember {
  return {
    id,
    instanceId: null,
    rackId: null,
    clientId: '',
    clientHost: '',
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: [],
    subscribedTopicRegex: '',
    serverAssignor: null,
    epoch: JOINING,
    previousEpoch: JOINING,
    state: 'STABLE',
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
  }
}

export function isReconciledTo(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === 'STABLE' && member.epoch === assignmentEpoch
}

/** What a member says of itself. Null and -1 stand for what has not changed since it last said so. */
export interface MemberUpdate {
  readonly clientId: string
  readonly clientHost: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
}

/** The member with what is new in `update`; the same object where nothing is. */
export function updateMember(member: ConsumerMember, update: MemberUpdate): ConsumerMember {
  const updated: ConsumerMember = {
    ...member,
    clientId: update.clientId,
    clientHost: update.clientHost,
    instanceId: update.instanceId ?? member.instanceId,
    rackId: update.rackId ?? member.rackId,
    rebalanceTimeoutMs: update.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : update.rebalanceTimeoutMs,
    subscribedTopicNames: sameOr(member.subscribedTopicNames, update.subscribedTopicNames),
    subscribedTopicRegex: update.subscribedTopicRegex ?? member.subscribedTopicRegex,
    serverAssignor: update.serverAssignor ?? member.serverAssignor,
  }
  const isChanged = (Object.keys(updated) as (keyof ConsumerMember)[]).some((key) => updated[key] !== member[key])
  return isChanged ? updated : member
}

export function hasSameSubscription(a: ConsumerMember, b: ConsumerMember): boolean {
  return a.subscribedTopicNames === b.subscribedTopicNames && a.subscribedTopicRegex === b.subscribedTopicRegex
}

/** `names` without order or repetition, the old array where they are the same topics. */
function sameOr(old: readonly string[], names: readonly string[] | null): readonly string[] {
  if (names === null) return old
  const sorted = [...new Set(names)].sort()
  return sorted.length === old.length && sorted.every((name, index) => name === old[index]) ? old : sorted
}
