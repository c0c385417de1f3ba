import type { GroupCoordinator } from '../groups/coordinator.ts'
import type { PartitionOffset } from '../groups/offset-store.ts'
import { ERROR, KafkaError, offsetCommit, offsetFetch, type RequestOf } from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { answerOf, type Services } from './services.ts'

/** Kafka's offset.metadata.max.bytes. */
const MAX_METADATA_BYTES = 4096

type CommitTopic = RequestOf<typeof offsetCommit>['topics'][number]
type AskedTopics = RequestOf<typeof offsetFetch>['topics']

export function offsetCommitHandler({ groups, topics }: Services): Handler {
  return handlerOf(offsetCommit, async (request) => {
    const refusals = new Map<CommitTopic['partitions'][number], number>()
    const offsets: PartitionOffset[] = []
    for (const topic of request.topics)
      for (const partition of topic.partitions) {
        const refusal = refusalOf(topic.name, partition)
        if (refusal === undefined) offsets.push(offsetOf(topic.name, partition))
        else refusals.set(partition, refusal)
      }
    const outcome = await commit(request, offsets)
    return {
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({
          partitionIndex: partition.partitionIndex,
          errorCode: outcome === ERROR.NONE ? (refusals.get(partition) ?? ERROR.NONE) : outcome,
        })),
      })),
    }
  })

  function refusalOf(topic: string, partition: CommitTopic['partitions'][number]): number | undefined {
    if (topics.partition(topic, partition.partitionIndex) === undefined) return ERROR.UNKNOWN_TOPIC_OR_PARTITION
    const isTooLong = Buffer.byteLength(partition.committedMetadata ?? '') > MAX_METADATA_BYTES
    return isTooLong ? ERROR.OFFSET_METADATA_TOO_LARGE : undefined
  }

  async function commit(request: RequestOf<typeof offsetCommit>, offsets: readonly PartitionOffset[]): Promise<number> {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = request
    try {
      groups.ensure(groupId).assertMayCommit({ memberId, groupInstanceId, generationId })
      await groups.offsets.commit(groupId, offsets)
      return ERROR.NONE
    } catch (error) {
      if (error instanceof KafkaError) return error.code
      return answerOf(new KafkaError('COORDINATOR_NOT_AVAILABLE', `the offsets could not be written: ${error}`))
        .errorCode
    }
  }
}

function offsetOf(topic: string, partition: CommitTopic['partitions'][number]): PartitionOffset {
  return {
    topic,
    partition: partition.partitionIndex,
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? '',
  }
}

export function offsetFetchHandler({ groups }: Services): Handler {
  return handlerOf(offsetFetch, (request, { version }) => {
    if (version < 8) return { topics: committed(groups, request.groupId, request.topics) }
    return {
      groups: request.groups.map(({ groupId, topics }) => ({ groupId, topics: committed(groups, groupId, topics) })),
    }
  })
}

/** The offsets asked for, all of the group's for null. A partition without one has offset -1. */
function committed({ offsets }: GroupCoordinator, groupId: string, asked: AskedTopics) {
  return (asked ?? everyTopic(offsets.list(groupId))).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      const found = offsets.get(groupId, name, partitionIndex)
      return {
        partitionIndex,
        committedOffset: found?.offset ?? -1,
        committedLeaderEpoch: found?.leaderEpoch ?? -1,
        metadata: found?.metadata ?? '',
        errorCode: ERROR.NONE,
      }
    }),
  }))
}

function everyTopic(offsets: readonly PartitionOffset[]): NonNullable<AskedTopics> {
  const byTopic = Map.groupBy(offsets, ({ topic }) => topic)
  return [...byTopic].map(([name, partitions]) => ({
    name,
    partitionIndexes: partitions.map(({ partition }) => partition),
  }))
}
