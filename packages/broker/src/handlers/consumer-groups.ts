import { ASSIGNORS } from '../groups/consumer/assignor.ts'
import type { ConsumerGroup } from '../groups/consumer/consumer-group.ts'
import { type ConsumerMember, JOINING, LEFT, LEFT_TO_REJOIN } from '../groups/consumer/member.ts'
import { byTopic, type PartitionSet, partitionSetOf } from '../groups/consumer/partition-set.ts'
import type { GroupCoordinator } from '../groups/coordinator.ts'
import { consumerGroupDescribe, consumerGroupHeartbeat, ERROR, KafkaError, type RequestOf } from '../protocol/index.ts'
import { type Handler, handlerOf, type RequestContext } from '../server/dispatcher.ts'
import type { TopicRegistry } from '../topics/topic-registry.ts'
import { allowedTo, GROUP_OPERATIONS } from './authorized-operations.ts'
import { answerOf, type Services } from './services.ts'

type HeartbeatRequest = RequestOf<typeof consumerGroupHeartbeat>

export function consumerGroupHeartbeatHandler({ groups }: Services): Handler {
  return handlerOf(consumerGroupHeartbeat, async (request, context) => {
    const { memberId, memberEpoch } = request
    try {
      checkHeartbeat(request, context.version)
      if (memberEpoch >= JOINING) return await beat(groups, request, context)
      await groups.consumerGroupFor(request.groupId, memberEpoch).leave(request)
      return { errorCode: ERROR.NONE, memberId, memberEpoch }
    } catch (error) {
      return answerOf(error)
    }
  })
}

async function beat(
  groups: GroupCoordinator,
  { topicPartitions, ...request }: HeartbeatRequest,
  { clientId, clientHost }: RequestContext,
) {
  // Only where there is one: a heartbeat without is to take its effect before the requests behind it.
  if (request.subscribedTopicRegex) await groups.subscriptions.prepare(request.subscribedTopicRegex)
  const group = groups.consumerGroupFor(request.groupId, request.memberEpoch)
  const owned = topicPartitions && partitionSetOf(topicPartitions)
  const { assignment, ...answer } = await group.heartbeat({ ...request, clientId, clientHost, owned })
  return {
    errorCode: ERROR.NONE,
    ...answer,
    heartbeatIntervalMs: groups.settings.consumerHeartbeatIntervalMs,
    assignment: assignment && { topicPartitions: byTopic(assignment) },
  }
}

/** Throws INVALID_REQUEST or UNSUPPORTED_ASSIGNOR. */
function checkHeartbeat(request: HeartbeatRequest, version: number): void {
  const { memberEpoch, memberId, topicPartitions, serverAssignor } = request
  const refuseIf = (isWrong: boolean, message: string) => {
    if (isWrong) throw new KafkaError('INVALID_REQUEST', message)
  }
  refuseIf(request.groupId.trim() === '', 'GroupId must not be empty')
  refuseIf(request.instanceId?.trim() === '', 'InstanceId must not be empty')
  refuseIf(request.rackId?.trim() === '', 'RackId must not be empty')
  refuseIf(memberEpoch < LEFT_TO_REJOIN, `MemberEpoch must not be ${memberEpoch}`)
  // From version 1 on clients make their ids themselves (KIP-1082).
  refuseIf((version >= 1 || memberEpoch !== JOINING) && memberId.trim() === '', 'MemberId must not be empty')
  if (memberEpoch === JOINING) {
    refuseIf(request.rebalanceTimeoutMs === -1, 'RebalanceTimeoutMs must be given when joining')
    refuseIf(topicPartitions === null || topicPartitions.length > 0, 'TopicPartitions must be empty when joining')
    const isSubscribed = request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null
    refuseIf(!isSubscribed, 'SubscribedTopicNames or SubscribedTopicRegex must be given when joining')
  }
  refuseIf(memberEpoch === LEFT_TO_REJOIN && request.instanceId === null, 'only a static member leaves to join again')
  if (memberEpoch !== LEFT && serverAssignor !== null && !ASSIGNORS.has(serverAssignor))
    throw new KafkaError(
      'UNSUPPORTED_ASSIGNOR',
      `there is no assignor "${serverAssignor}", only ${[...ASSIGNORS.keys()].join(' and ')}`,
    )
}

export function consumerGroupDescribeHandler({ groups, topics }: Services): Handler {
  return handlerOf(consumerGroupDescribe, ({ groupIds, includeAuthorizedOperations }) => ({
    groups: groupIds.map((groupId) => {
      if (groupId === '') return { errorCode: ERROR.INVALID_GROUP_ID, groupId }
      const group = groups.find(groupId)
      const authorizedOperations = allowedTo(GROUP_OPERATIONS, includeAuthorizedOperations)
      if (group?.type === 'consumer') return { ...describe(group, topics), authorizedOperations }
      const errorMessage = `there is no consumer group "${groupId}"`
      return { errorCode: ERROR.GROUP_ID_NOT_FOUND, errorMessage, groupId }
    }),
  }))
}

function describe(group: ConsumerGroup, topics: TopicRegistry) {
  return {
    errorCode: ERROR.NONE,
    groupId: group.id,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.assignor,
    members: group.members.map((member: ConsumerMember) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      rackId: member.rackId,
      memberEpoch: member.epoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.subscribedTopicNames,
      subscribedTopicRegex: member.subscribedTopicRegex || null,
      assignment: named(member.assigned, topics),
      targetAssignment: named(group.targetOf(member.id), topics),
    })),
  }
}

/** With the names of topics; those that are gone have none, and are left out. */
function named(partitions: PartitionSet, topics: TopicRegistry) {
  const present = byTopic(partitions).flatMap((topic) => {
    const topicName = topics.byId(topic.topicId)?.name
    return topicName === undefined ? [] : [{ ...topic, topicName }]
  })
  return { topicPartitions: present }
}
