import type { GroupCoordinator } from '../groups/coordinator.ts'
import type { PartitionOffset } from '../groups/offset-store.ts'
import {
  ERROR,
  KafkaError,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  type RequestOf,
  type ResponseOf,
  type txnOffsetCommit,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import type { TopicRegistry } from '../topics/topic-registry.ts'
import { answerOf, type Services } from './services.ts'

/** Kafka's offset.metadata.max.bytes. */
const MAX_METADATA_BYTES = 4096

/** What OffsetCommit and TxnOffsetCommit have in common. */
type CommitTopic = RequestOf<typeof txnOffsetCommit>['topics'][number]
type CommitAnswer = ResponseOf<typeof offsetCommit>['topics']
type AskedTopics = RequestOf<typeof offsetFetch>['topics']

export function offsetCommitHandler({ groups, topics }: Services): Handler {
  return handlerOf(offsetCommit, async (request, { version }) => {
    const { offsets, answer } = sortOut(request.topics, topics, request.retentionTimeMs)
    return { topics: answer(await commit(request, version, offsets)) }
  })

  async function commit(
    request: RequestOf<typeof offsetCommit>,
    version: number,
    offsets: readonly PartitionOffset[],
  ): Promise<number> {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = request
    try {
      groups.assertMayCommit(groupId, { memberId, groupInstanceId, generationId }, { version, isTransactional: false })
      await groups.offsets.commit(groupId, offsets)
      return ERROR.NONE
    } catch (error) {
      if (error instanceof KafkaError) return error.code
      return answerOf(new KafkaError('COORDINATOR_NOT_AVAILABLE', `the offsets could not be written: ${error}`))
        .errorCode
    }
  }
}

/**
 * The offsets of a commit that can be taken, and how it is answered: `outcome` is the error code of what was done with them. `retentionMs` is
 * how long they are to be kept, -1 for as long as the broker would.
 */
export function sortOut(
  asked: readonly CommitTopic[],
  topics: TopicRegistry,
  retentionMs = -1,
): { offsets: PartitionOffset[]; answer: (outcome: number) => CommitAnswer } {
  const committedAt = Date.now()
  const times = { committedAt, ...(retentionMs >= 0 && { expiresAt: committedAt + retentionMs }) }
  const refusals = new Map<CommitTopic['partitions'][number], number>()
  const offsets: PartitionOffset[] = []
  for (const { name, partitions } of asked)
    for (const partition of partitions) {
      const refusal = refusalOf(name, partition, topics)
      if (refusal === undefined) offsets.push({ ...offsetOf(name, partition), ...times })
      else refusals.set(partition, refusal)
    }
  const answer = (outcome: number) =>
    asked.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: outcome === ERROR.NONE ? (refusals.get(partition) ?? ERROR.NONE) : outcome,
      })),
    }))
  return { offsets, answer }
}

function refusalOf(
  topic: string,
  partition: CommitTopic['partitions'][number],
  topics: TopicRegistry,
): number | undefined {
  if (topics.partition(topic, partition.partitionIndex) === undefined) return ERROR.UNKNOWN_TOPIC_OR_PARTITION
  const isTooLong = Buffer.byteLength(partition.committedMetadata ?? '') > MAX_METADATA_BYTES
  return isTooLong ? ERROR.OFFSET_METADATA_TOO_LARGE : undefined
}

function offsetOf(topic: string, partition: CommitTopic['partitions'][number]) {
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
    const { requireStable } = request
    if (version < 8) return { topics: committed(groups, request.groupId, request.topics, requireStable) }
    return {
      groups: request.groups.map(({ groupId, memberId, memberEpoch, topics }) => {
        const refusal = readRefusalOf(groups, groupId, { memberId, memberEpoch })
        if (refusal !== ERROR.NONE) return { groupId, topics: [], errorCode: refusal }
        return { groupId, topics: committed(groups, groupId, topics, requireStable) }
      }),
    }
  })
}

export function offsetDeleteHandler({ groups, topics }: Services): Handler {
  return handlerOf(offsetDelete, async ({ groupId, topics: asked }) => {
    const partitions = asked.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition }) => ({ topic, partition })),
    )
    const isThere = ({ topic, partition }: (typeof partitions)[number]) =>
      topics.partition(topic, partition) !== undefined
    try {
      const deleted = await groups.deleteOffsets(groupId, partitions.filter(isThere))
      const codeOf = (partition: (typeof partitions)[number]) => {
        if (deleted.has(partition)) return ERROR.NONE
        return isThere(partition) ? ERROR.GROUP_SUBSCRIBED_TO_TOPIC : ERROR.UNKNOWN_TOPIC_OR_PARTITION
      }
      const answered = partitions.map((partition) => ({ ...partition, errorCode: codeOf(partition) }))
      return {
        errorCode: ERROR.NONE,
        topics: [...Map.groupBy(answered, ({ topic }) => topic)].map(([name, those]) => ({
          name,
          partitions: those.map(({ partition, errorCode }) => ({ partitionIndex: partition, errorCode })),
        })),
      }
    } catch (error) {
      return { errorCode: answerOf(error).errorCode }
    }
  })
}

/** Members of a consumer group read offsets in their epoch only. */
function readRefusalOf(
  groups: GroupCoordinator,
  groupId: string,
  who: { readonly memberId: string | null; readonly memberEpoch: number },
): number {
  const group = groups.find(groupId)
  if (group?.type !== 'consumer') return ERROR.NONE
  try {
    group.assertMayFetch(who)
    return ERROR.NONE
  } catch (error) {
    return answerOf(error).errorCode
  }
}

/**
 * The offsets asked for, all of the group's for null. A partition without one has offset -1; so has one that a transaction is about to
 * change, for those who want it stable.
 */
function committed({ offsets }: GroupCoordinator, groupId: string, asked: AskedTopics, requireStable: boolean) {
  return (asked ?? everyTopic(offsets.list(groupId))).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      const isUnstable = requireStable && offsets.isPending(groupId, name, partitionIndex)
      const found = isUnstable ? undefined : offsets.get(groupId, name, partitionIndex)
      return {
        partitionIndex,
        committedOffset: found?.offset ?? -1,
        committedLeaderEpoch: found?.leaderEpoch ?? -1,
        metadata: found?.metadata ?? '',
        errorCode: isUnstable ? ERROR.UNSTABLE_OFFSET_COMMIT : ERROR.NONE,
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
