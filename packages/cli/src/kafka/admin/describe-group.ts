import { similarNames } from '@headrace/adapters/kafka'
import { consumerGroupDescribe, type Decoded, describeGroups } from '@headrace/broker/protocol'
import type { KafkaCluster } from '../cluster.ts'
import { GroupUnknownError } from '../errors.ts'
import { assertFound, GROUP_ID_NOT_FOUND, listAllGroups } from './groups.ts'
import { readAssignment } from './member-assignment.ts'

/** What the two kinds of group have in common. `classic` groups balance themselves, `consumer` groups (KIP-848) the broker does. */
export interface GroupDescription {
  readonly group: string
  readonly type: 'classic' | 'consumer'
  readonly state: string
  readonly assignor: string
  /** Id of the broker that coordinates it. */
  readonly coordinator: number
  readonly members: readonly GroupMember[]
}

interface GroupMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

/** A group's members and what each of them reads. Throws GROUP_UNKNOWN. */
export async function describeGroup(cluster: KafkaCluster, group: string): Promise<GroupDescription> {
  const found = (await consumerGroup(cluster, group)) ?? (await classicGroup(cluster, group))
  if (found === undefined) throw await unknownGroup(cluster, group)
  return { group, coordinator: await cluster.coordinator(group), ...found }
}

export async function unknownGroup(cluster: KafkaCluster, group: string): Promise<GroupUnknownError> {
  const groups = await listAllGroups(cluster)
  const names = groups.map((one) => one.group)
  return new GroupUnknownError({ group, similar: similarNames(group, names) })
}

type Found = Pick<GroupDescription, 'type' | 'state' | 'assignor' | 'members'>

/** A group of KIP-848; undefined where it is of the other kind, is not there, or the cluster knows none. */
async function consumerGroup(cluster: KafkaCluster, group: string): Promise<Found | undefined> {
  if (!cluster.supports(consumerGroupDescribe)) return undefined
  const answer = await cluster.request(
    consumerGroupDescribe,
    { groupIds: [group], includeAuthorizedOperations: false },
    { group },
    `describe group "${group}"`,
    ({ groups }) => assertFound(groups[0]?.errorCode ?? GROUP_ID_NOT_FOUND),
  )
  const [found] = answer.groups
  if (found === undefined || found.errorCode !== 0) return undefined
  return {
    type: 'consumer',
    state: found.groupState,
    assignor: found.assignorName,
    members: found.members.map(consumerMember),
  }
}

type ConsumerMember = Decoded<typeof consumerGroupDescribe.response>['groups'][number]['members'][number]

function consumerMember({ memberId, instanceId, clientId, clientHost, assignment }: ConsumerMember): GroupMember {
  const partitions = (assignment?.topicPartitions ?? []).flatMap(({ topicName, partitions: own }) =>
    own.map((partition) => ({ topic: topicName, partition })),
  )
  return { memberId, instanceId, clientId, host: hostOf(clientHost), partitions }
}

async function classicGroup(cluster: KafkaCluster, group: string): Promise<Found | undefined> {
  const answer = await cluster.request(
    describeGroups,
    { groups: [group] },
    { group },
    `describe group "${group}"`,
    ({ groups }) => assertFound(groups[0]?.errorCode ?? GROUP_ID_NOT_FOUND),
  )
  const [found] = answer.groups
  if (found === undefined || found.errorCode !== 0 || found.groupState === 'Dead') return undefined
  return {
    type: 'classic',
    state: found.groupState,
    assignor: found.protocolData,
    members: found.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: hostOf(member.clientHost),
      partitions: readAssignment(member.memberAssignment),
    })),
  }
}

/** Java brokers put a slash before the address. */
function hostOf(text: string): string {
  return text.replace(/^\//, '')
}
