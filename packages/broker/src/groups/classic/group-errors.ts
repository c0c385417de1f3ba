import { KafkaError } from '../../protocol/index.ts'

export function rebalancing(): KafkaError {
  return new KafkaError('REBALANCE_IN_PROGRESS', 'the group is rebalancing')
}

export function unknownMember(memberId: string): KafkaError {
  return new KafkaError('UNKNOWN_MEMBER_ID', `the group has no member "${memberId}"`)
}

export function fenced(groupInstanceId: string): KafkaError {
  return new KafkaError('FENCED_INSTANCE_ID', `another member has the instance id "${groupInstanceId}"`)
}
