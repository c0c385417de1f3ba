import type { TopicPartitions } from '../arguments.ts'
import type { KafkaCluster, TopicMetadata } from '../cluster.ts'
import { GroupActiveError, PartitionUnknownError, ResetTargetMissingError } from '../errors.ts'
import { describeGroup } from './describe-group.ts'
import { commitOffsets, committedOffsets } from './groups.ts'
import { offsetRanges, offsetsAt } from './offsets.ts'
import { type PartitionState, type PlannedReset, planReset, type ResetTarget } from './plan-reset.ts'

export interface ResetRequest {
  readonly group: string
  readonly target: ResetTarget
  /** Empty: every partition that the group has an offset of. */
  readonly topics: readonly TopicPartitions[]
  readonly dryRun: boolean
}

/**
 * Moves the offsets of a group without members and tells what was moved; a group that does not exist is made by it. Throws
 * GROUP_ACTIVE, GROUP_WITHOUT_OFFSETS, TOPIC_UNKNOWN, PARTITION_UNKNOWN.
 */
export async function resetGroup(cluster: KafkaCluster, request: ResetRequest): Promise<PlannedReset[]> {
  const { group, target } = request
  await assertInactive(cluster, group)
  const committed = await committedOffsets(cluster, group)
  const wanted = request.topics.length > 0 ? request.topics : ownTopics(committed)
  if (wanted.length === 0) throw new ResetTargetMissingError({ group })
  const states: PartitionState[] = []
  for (const { topic: name, partitions } of wanted) {
    const topic = await cluster.topic(name)
    const numbers = partitions ?? topic.partitions.map(({ partitionIndex }) => partitionIndex)
    assertPartitions(topic, numbers)
    const own = new Map(committed.filter((one) => one.topic === name).map((one) => [one.partition, one.offset]))
    states.push(...(await partitionStates(cluster, topic, numbers, own, target)))
  }
  const moves = planReset(states, target)
  if (!request.dryRun) {
    const offsets = moves.map(({ topic, partition, to }) => ({ topic, partition, offset: to }))
    await commitOffsets(cluster, group, offsets)
  }
  return moves
}

async function assertInactive(cluster: KafkaCluster, group: string): Promise<void> {
  const described = await describeGroup(cluster, group).catch((error: Error & { code?: string }) => {
    if (error.code === 'GROUP_UNKNOWN') return undefined
    throw error
  })
  const members = described?.members.length ?? 0
  if (members > 0) throw new GroupActiveError({ group, operation: 'its offsets cannot be moved', members })
}

function ownTopics(committed: readonly { readonly topic: string; readonly partition: number }[]): TopicPartitions[] {
  return [...Map.groupBy(committed, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    partitions: own.map(({ partition }) => partition),
  }))
}

function assertPartitions({ name, partitions }: TopicMetadata, wanted: readonly number[]): void {
  const missing = wanted.find((number) => number >= partitions.length)
  if (missing === undefined) return
  throw new PartitionUnknownError({ topic: name ?? '', partition: missing, count: partitions.length })
}

async function partitionStates(
  cluster: KafkaCluster,
  topic: TopicMetadata,
  numbers: readonly number[],
  committed: ReadonlyMap<number, number>,
  target: ResetTarget,
): Promise<PartitionState[]> {
  const [ranges, atTimestamp] = await Promise.all([
    offsetRanges(cluster, topic),
    target.kind === 'timestamp'
      ? offsetsAt(cluster, topic, new Map(numbers.map((number) => [number, target.timestampMs])))
      : new Map<number, number>(),
  ])
  return numbers.flatMap((partition) => {
    const range = ranges.get(partition)
    if (range === undefined) return []
    const found = atTimestamp.get(partition) ?? -1
    return {
      topic: topic.name ?? '',
      partition,
      committed: committed.get(partition) ?? null,
      range,
      ...(found < 0 ? {} : { atTimestamp: found }),
    }
  })
}
