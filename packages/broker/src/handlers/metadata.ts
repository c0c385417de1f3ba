import { LEADER_EPOCH } from '../cluster/cluster.ts'
import {
  describeCluster,
  describeTopicPartitions,
  ERROR,
  metadata,
  type RequestOf,
  type ResponseOf,
  ZERO_UUID,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { isTopicName } from '../topics/topic-name.ts'
import type { Topic } from '../topics/topic-registry.ts'
import { allowedTo, CLUSTER_OPERATIONS, TOPIC_OPERATIONS } from './authorized-operations.ts'
import { answerOf, type Services } from './services.ts'

type TopicAnswer = ResponseOf<typeof metadata>['topics'][number]
type AskedTopic = NonNullable<RequestOf<typeof metadata>['topics']>[number]

export function metadataHandler(services: Services): Handler {
  return handlerOf(metadata, async (request, { version, endpoint }) => {
    const { cluster, topics } = services
    // Version 0 has no null: its empty list means all.
    const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0)
    const mayCreate = services.config.autoCreateTopics && request.allowAutoTopicCreation
    const answers = wantsAll
      ? topics.list().map((topic) => describe(topic, cluster.nodeId))
      : await Promise.all((request.topics ?? []).map((asked) => answerFor(asked, services, mayCreate)))
    const topicAuthorizedOperations = allowedTo(TOPIC_OPERATIONS, request.includeTopicAuthorizedOperations)
    return {
      brokers: [{ nodeId: cluster.nodeId, ...endpoint }],
      clusterId: cluster.clusterId,
      controllerId: cluster.nodeId,
      topics: answers.map((answer) => ({ ...answer, topicAuthorizedOperations })),
      clusterAuthorizedOperations: allowedTo(CLUSTER_OPERATIONS, request.includeClusterAuthorizedOperations),
    }
  })
}

export function describeClusterHandler({ cluster }: Services): Handler {
  return handlerOf(describeCluster, ({ endpointType, includeClusterAuthorizedOperations }, { endpoint }) => ({
    errorCode: ERROR.NONE,
    endpointType,
    clusterId: cluster.clusterId,
    controllerId: cluster.nodeId,
    brokers: [{ brokerId: cluster.nodeId, ...endpoint }],
    clusterAuthorizedOperations: allowedTo(CLUSTER_OPERATIONS, includeClusterAuthorizedOperations),
  }))
}

export function describeTopicPartitionsHandler({ cluster, topics }: Services): Handler {
  return handlerOf(describeTopicPartitions, (request) => {
    const names = request.topics.length > 0 ? request.topics.map(({ name }) => name) : topics.list().map((t) => t.name)
    return {
      topics: [...new Set(names)].sort().map((name) => {
        const topic = topics.get(name)
        if (topic === undefined) return unknown(name, isTopicName(name))
        const described = describe(topic, cluster.nodeId)
        const partitions = described.partitions.map((partition) => ({ ...partition, ...NO_ELR }))
        // There is no flag to ask for them by: whoever asks for topics this way is told.
        return { ...described, partitions, topicAuthorizedOperations: allowedTo(TOPIC_OPERATIONS, true) }
      }),
    }
  })
}

// Nobody beside the leader could lead. May be null by the protocol, which the Java client does not survive.
const NO_ELR = { eligibleLeaderReplicas: [], lastKnownElr: [] }

async function answerFor(asked: AskedTopic, services: Services, mayCreate: boolean): Promise<TopicAnswer> {
  const { topics, cluster } = services
  const { name, topicId } = asked
  // The Java client leaves the name empty beside the id, others leave it out.
  if (name === null || topicId !== ZERO_UUID) {
    const topic = topics.byId(topicId)
    return topic
      ? describe(topic, cluster.nodeId)
      : { ...unknown(null, true), topicId, errorCode: ERROR.UNKNOWN_TOPIC_ID }
  }
  const topic = topics.get(name)
  if (topic) return describe(topic, cluster.nodeId)
  if (!mayCreate || !isTopicName(name)) return unknown(name, isTopicName(name))
  try {
    return describe(await topics.ensure(name), cluster.nodeId)
  } catch (error) {
    return { ...unknown(name, true), errorCode: answerOf(error).errorCode }
  }
}

function describe(topic: Topic, nodeId: number) {
  return {
    errorCode: ERROR.NONE,
    name: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.map((_, partitionIndex) => ({
      errorCode: ERROR.NONE,
      partitionIndex,
      leaderId: nodeId,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
      offlineReplicas: [],
    })),
  }
}

function unknown(name: string | null, isValidName: boolean) {
  const errorCode: number = isValidName ? ERROR.UNKNOWN_TOPIC_OR_PARTITION : ERROR.INVALID_TOPIC_EXCEPTION
  return { errorCode, name, topicId: ZERO_UUID, partitions: [] }
}
