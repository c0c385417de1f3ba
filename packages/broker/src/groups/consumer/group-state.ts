import { KafkaError } from '../../protocol/index.ts'
import type { ConsumerMember } from './member.ts'
import { NO_PARTITIONS, type PartitionSet } from './partition-set.ts'
import type { PartitionCounts } from './subscription.ts'

/** All that there is to know of a consumer group. Never changed: a change makes another. */
export interface ConsumerGroupState {
  /** Rises with each change of members, of subscriptions, or of the topics subscribed to. */
  readonly epoch: number
  /** The group epoch that the targets were made for. */
  readonly assignmentEpoch: number
  /** The topics that anybody is subscribed to, as the group epoch goes by them. */
  readonly partitionCounts: PartitionCounts
  readonly members: ReadonlyMap<string, ConsumerMember>
  /** What each member is to have, by member id. */
  readonly targets: ReadonlyMap<string, PartitionSet>
}

export const NEW_GROUP: ConsumerGroupState = {
  epoch: 0,
  assignmentEpoch: 0,
  partitionCounts: new Map(),
  members: new Map(),
  targets: new Map(),
}

export type ConsumerGroupStateName = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

export function stateNameOf({ epoch, assignmentEpoch, members }: ConsumerGroupState): ConsumerGroupStateName {
  if (members.size === 0) return 'Empty'
  if (epoch > assignmentEpoch) return 'Assigning'
  const isReconciled = (member: ConsumerMember) => member.state === 'STABLE' && member.epoch === assignmentEpoch
  return [...members.values()].every(isReconciled) ? 'Stable' : 'Reconciling'
}

/** Throws UNKNOWN_MEMBER_ID. */
export function memberOf(state: ConsumerGroupState, memberId: string): ConsumerMember {
  const member = state.members.get(memberId)
  if (member === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID', `the group has no member "${memberId}"`)
  return member
}

export function staticMemberOf(state: ConsumerGroupState, instanceId: string): ConsumerMember | undefined {
  return [...state.members.values()].find((member) => member.instanceId === instanceId)
}

/** What members other than this one have, or may not have given up yet. */
export function heldByOthers(state: ConsumerGroupState, memberId: string): PartitionSet {
  const others = [...state.members.values()].filter((member) => member.id !== memberId)
  return new Set(others.flatMap(({ assigned, pendingRevocation }) => [...assigned, ...pendingRevocation]))
}

export function withMember(state: ConsumerGroupState, member: ConsumerMember): ConsumerGroupState {
  if (state.members.get(member.id) === member) return state
  return { ...state, members: new Map(state.members).set(member.id, member) }
}

export function withoutMember(state: ConsumerGroupState, memberId: string): ConsumerGroupState {
  return { ...state, members: without(state.members, memberId), targets: without(state.targets, memberId) }
}

/** A static member under another member id, in the place of the old one and with its target. */
export function withReplacedMember(
  state: ConsumerGroupState,
  oldId: string,
  member: ConsumerMember,
): ConsumerGroupState {
  const rest = withoutMember(state, oldId)
  const target = state.targets.get(oldId) ?? NO_PARTITIONS
  return withMember({ ...rest, targets: new Map(rest.targets).set(member.id, target) }, member)
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const rest = new Map(map)
  rest.delete(key)
  return rest
}
