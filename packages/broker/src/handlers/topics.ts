import {
  createPartitions,
  createTopics,
  deleteRecords,
  deleteTopics,
  ERROR,
  KafkaError,
  type RequestOf,
  type ResponseOf,
  ZERO_UUID,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { describeTopicConfig, parseTopicConfig } from '../topics/topic-config.ts'
import { answerOf, attempt, NO_ERROR, type Services } from './services.ts'

type AskedTopic = RequestOf<typeof createTopics>['topics'][number]
type CreatedTopic = ResponseOf<typeof createTopics>['topics'][number]

export function createTopicsHandler({ topics, config: { defaultPartitions } }: Services): Handler {
  return handlerOf(createTopics, async (request) => {
    const isTwice = (name: string) => request.topics.filter((topic) => topic.name === name).length > 1
    return { topics: await Promise.all(request.topics.map(create)) }

    async function create(asked: AskedTopic): Promise<CreatedTopic> {
      const { name } = asked
      try {
        if (isTwice(name)) throw new KafkaError('INVALID_REQUEST', `topic "${name}" is there twice`)
        const config = parseTopicConfig(asked.configs)
        const partitions = partitionsOf(asked)
        topics.checkCreate(name, partitions, config)
        const topicId = request.validateOnly ? ZERO_UUID : (await topics.create(name, partitions, config)).id
        return {
          ...NO_ERROR,
          name,
          topicId,
          numPartitions: partitions === -1 ? defaultPartitions : partitions,
          replicationFactor: 1,
          configs: describeTopicConfig(config, topics.defaults).map((described) => ({
            name: described.name,
            value: described.value,
            readOnly: false,
            configSource: described.source,
            isSensitive: false,
          })),
        }
      } catch (error) {
        return { ...answerOf(error), name, topicId: ZERO_UUID, configs: null }
      }
    }
  })
}

/** A factor above 1 is taken as 1, so that what was written for a cluster works here; assignments must be whole and without gaps. */
function partitionsOf({ numPartitions, replicationFactor, assignments }: AskedTopic): number {
  if (assignments.length === 0) {
    if (replicationFactor === 0 || replicationFactor < -1)
      throw new KafkaError('INVALID_REPLICATION_FACTOR', 'the replication factor must be larger than 0, or -1')
    return numPartitions
  }
  const indexes = new Set(assignments.map((assignment) => assignment.partitionIndex))
  const isWhole = assignments.every((_, index) => indexes.has(index))
  if (numPartitions !== -1 || !isWhole)
    throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', 'the partitions assigned must be numbered from 0 without gaps')
  return assignments.length
}

export function deleteTopicsHandler({ topics, groups }: Services): Handler {
  return handlerOf(deleteTopics, async (request, { version }) => {
    const asked = version >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
    return { responses: await Promise.all(asked.map(({ name, topicId }) => remove(name, topicId))) }

    async function remove(name: string | null, topicId: string) {
      const topic = name === null ? topics.byId(topicId) : topics.get(name)
      if (topic === undefined) {
        const error = name === null ? ERROR.UNKNOWN_TOPIC_ID : ERROR.UNKNOWN_TOPIC_OR_PARTITION
        return { name, topicId, errorCode: error, errorMessage: 'there is no such topic' }
      }
      const outcome = await attempt(async () => {
        await topics.delete(topic.name)
        await groups.offsets.deleteTopic(topic.name)
      })
      return { name: topic.name, topicId: topic.id, ...outcome }
    }
  })
}

export function createPartitionsHandler({ topics }: Services): Handler {
  return handlerOf(createPartitions, async (request) => ({
    results: await Promise.all(
      request.topics.map(async ({ name, count, assignments }) => ({
        name,
        ...(await attempt(async () => {
          if (request.topics.filter((topic) => topic.name === name).length > 1)
            throw new KafkaError('INVALID_REQUEST', `topic "${name}" is there twice`)
          topics.checkPartitionCount(name, count)
          const present = topics.get(name)?.partitions.length ?? 0
          if (assignments !== null && assignments.length !== count - present)
            throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', `${count - present} partitions need as many assignments`)
          if (!request.validateOnly) await topics.addPartitions(name, count)
        })),
      })),
    ),
  }))
}

/** In place of an offset: delete everything up to the end. */
const UP_TO_THE_END = -1

export function deleteRecordsHandler({ topics }: Services): Handler {
  return handlerOf(deleteRecords, async (request) => ({
    topics: await Promise.all(
      request.topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(partitions.map((asked) => deleteUpTo(name, asked.partitionIndex, asked.offset))),
      })),
    ),
  }))

  async function deleteUpTo(name: string, partitionIndex: number, offset: number) {
    let lowWatermark = -1
    const { errorCode } = await attempt(async () => {
      const log = topics.partition(name, partitionIndex)
      if (log === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `no partition ${partitionIndex}`)
      lowWatermark = await log.deleteBefore(offset === UP_TO_THE_END ? log.endOffset : offset)
    })
    return { partitionIndex, lowWatermark, errorCode }
  }
}
