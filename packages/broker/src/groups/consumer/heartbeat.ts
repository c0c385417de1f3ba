import { KafkaError } from '../../protocol/index.ts'
import { ASSIGNORS, preferredAssignor } from './assignor.ts'
import {
  type ConsumerGroupState,
  heldByOthers,
  memberOf,
  staticMemberOf,
  withMember,
  withoutMember,
  withReplacedMember,
} from './group-state.ts'
import {
  type ConsumerMember,
  hasSameSubscription,
  JOINING,
  LEFT_TO_REJOIN,
  type MemberUpdate,
  newConsumerMember,
  updateMember,
} from './member.ts'
import { isSamePartitions, NO_PARTITIONS, type PartitionSet } from './partition-set.ts'
import { reconcile } from './reconcile.ts'
import type { PartitionCounts, ResolveSubscription } from './subscription.ts'

/** A member that says where it stands; one that joins does so with epoch JOINING. */
export interface Heartbeat extends MemberUpdate {
  readonly memberId: string
  readonly memberEpoch: number
  /** What the member says that it has; null where that has not changed. */
  readonly owned: PartitionSet | null
}

export interface Beaten {
  readonly state: ConsumerGroupState
  readonly member: ConsumerMember
  /** Whether the member is to be told what it has. */
  readonly isAssignmentNews: boolean
}

/** What a heartbeat makes of a group. Throws UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID. */
export function heartbeat(before: ConsumerGroupState, beat: Heartbeat, resolve: ResolveSubscription): Beaten {
  const { state, member } = beat.memberEpoch === JOINING ? joining(before, beat) : present(before, beat)
  const updated = updateMember(member, beat)
  const isNew = !state.members.has(member.id)
  const isOther = isNew || !hasSameSubscription(member, updated)
  const current = withTargets(withEpoch(withMember(state, updated), isOther, resolve), resolve)
  const target = { epoch: current.assignmentEpoch, partitions: current.targets.get(updated.id) ?? NO_PARTITIONS }
  const reconciled = reconcile(updated, target, heldByOthers(current, updated.id), beat.owned)
  return {
    state: withMember(current, reconciled),
    member: reconciled,
    isAssignmentNews: isFull(beat) || !isSamePartitions(member.assigned, reconciled.assigned),
  }
}

/** The group without a member, be it that it leaves or that it was not heard of in time. */
export function withoutMemberAnyMore(
  before: ConsumerGroupState,
  memberId: string,
  resolve: ResolveSubscription,
): ConsumerGroupState {
  return withEpoch(withoutMember(before, memberOf(before, memberId).id), true, resolve)
}

/** The group with a static member gone that will be back: it keeps its partitions until its session ends. */
export function withMemberAway(before: ConsumerGroupState, memberId: string): ConsumerGroupState {
  const member = memberOf(before, memberId)
  return withMember(before, { ...member, epoch: LEFT_TO_REJOIN, pendingRevocation: NO_PARTITIONS })
}

/** The member that a request names. Throws UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID. */
export function namedMember(
  state: ConsumerGroupState,
  { memberId, instanceId }: { readonly memberId: string; readonly instanceId: string | null },
): ConsumerMember {
  if (instanceId === null) return memberOf(state, memberId)
  const member = staticMemberOf(state, instanceId)
  if (member === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID', `the instance id "${instanceId}" is unknown`)
  if (member.id !== memberId)
    throw new KafkaError('FENCED_INSTANCE_ID', `member "${member.id}" has the instance id "${instanceId}" now`)
  return member
}

interface Place {
  readonly state: ConsumerGroupState
  readonly member: ConsumerMember
}

function joining(state: ConsumerGroupState, { memberId, instanceId }: Heartbeat): Place {
  const former = instanceId === null ? undefined : staticMemberOf(state, instanceId)
  // A member that joins again has let go of everything, whatever epoch it was in.
  if (former === undefined || former.id === memberId)
    return { state, member: state.members.get(memberId) ?? newConsumerMember(memberId) }
  if (former.epoch !== LEFT_TO_REJOIN)
    throw new KafkaError('UNRELEASED_INSTANCE_ID', `member "${former.id}" still has the instance id "${instanceId}"`)
  const member: ConsumerMember = { ...former, id: memberId, epoch: JOINING, previousEpoch: JOINING }
  return { state: withReplacedMember(state, former.id, member), member }
}

function present(state: ConsumerGroupState, beat: Heartbeat): Place {
  const member = namedMember(state, beat)
  if (!isEpochOf(member, beat))
    throw new KafkaError(
      'FENCED_MEMBER_EPOCH',
      `member "${member.id}" is in epoch ${member.epoch}, not ${beat.memberEpoch}: it has to give up its partitions and join again`,
    )
  return { state, member }
}

/** The epoch before is good too, with nothing owned beyond the assignment: the answer with the new one may have been lost. */
function isEpochOf(member: ConsumerMember, { memberEpoch, owned }: Heartbeat): boolean {
  if (memberEpoch === member.epoch) return true
  return (
    memberEpoch < member.epoch && memberEpoch === member.previousEpoch && (owned?.isSubsetOf(member.assigned) ?? false)
  )
}

/** A member that joins or is in doubt says everything, and is told everything. */
function isFull(beat: Heartbeat): boolean {
  if (beat.memberEpoch === JOINING) return true
  return beat.rebalanceTimeoutMs !== -1 && beat.subscribedTopicNames !== null && beat.owned !== null
}

/** The next group epoch where members, subscriptions or the topics subscribed to are others than before. */
function withEpoch(state: ConsumerGroupState, isOther: boolean, resolve: ResolveSubscription): ConsumerGroupState {
  const partitionCounts = new Map([...state.members.values()].flatMap((member) => [...resolve(member)]))
  if (!isOther && isSameCounts(partitionCounts, state.partitionCounts)) return state
  return { ...state, partitionCounts, epoch: state.epoch + 1 }
}

function withTargets(state: ConsumerGroupState, resolve: ResolveSubscription): ConsumerGroupState {
  if (state.epoch === state.assignmentEpoch) return state
  const members = [...state.members.values()].map((member) => ({
    id: member.id,
    instanceId: member.instanceId,
    topicIds: new Set(resolve(member).keys()),
    previous: state.targets.get(member.id) ?? NO_PARTITIONS,
  }))
  const assign = ASSIGNORS.get(preferredAssignor(state.members.values()))
  const assigned = assign?.(members, state.partitionCounts) ?? new Map<string, PartitionSet>()
  const targets = members.map(({ id, previous }): [string, PartitionSet] => {
    const partitions = assigned.get(id) ?? NO_PARTITIONS
    return [id, isSamePartitions(previous, partitions) ? previous : partitions]
  })
  return { ...state, assignmentEpoch: state.epoch, targets: new Map(targets) }
}

function isSameCounts(a: PartitionCounts, b: PartitionCounts): boolean {
  return a.size === b.size && [...a].every(([topicId, count]) => b.get(topicId) === count)
}
