import type { KafkaCluster } from '../cluster.ts'
import { describeGroup, type GroupDescription } from './describe-group.ts'
import { type CommittedOffset, committedOffsets } from './groups.ts'
import { type OffsetRange, offsetRanges } from './offsets.ts'

/** One partition that a group reads or has read. */
interface GroupPartition {
  readonly topic: string
  readonly partition: number
  /** The next offset to be read; null where nothing was committed. */
  readonly committed: number | null
  /** Null where the topic is gone. */
  readonly end: number | null
  /** Offsets between what is committed and the end; from the first record where nothing is committed. */
  readonly lag: number | null
  readonly metadata: string
  /** The member that has it; null where none does. */
  readonly memberId: string | null
}

export interface GroupReport extends GroupDescription {
  readonly totalLag: number
  readonly partitions: readonly GroupPartition[]
}

/** A group with its members, its offsets, and how far it is behind. Throws GROUP_UNKNOWN. */
export async function groupReport(cluster: KafkaCluster, group: string): Promise<GroupReport> {
  const described = await describeGroup(cluster, group)
  const committed = await committedOffsets(cluster, group)
  const owned = described.members.flatMap(({ memberId, partitions }) =>
    partitions.map(({ topic, partition }) => ({ topic, partition, memberId })),
  )
  const ranges = await rangesOf(cluster, [...committed, ...owned])
  const partitions = joined(committed, owned).map((one): GroupPartition => {
    const range = ranges.get(one.topic)?.get(one.partition)
    const end = range?.end ?? null
    const lag = range === undefined ? null : Math.max(0, range.end - (one.committed ?? range.first))
    return { ...one, end, lag }
  })
  return { ...described, totalLag: partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0), partitions }
}

/** What the topics hold, by name and partition; a topic that is gone is left out. */
async function rangesOf(
  cluster: KafkaCluster,
  partitions: readonly { readonly topic: string }[],
): Promise<ReadonlyMap<string, ReadonlyMap<number, OffsetRange>>> {
  const names = [...new Set(partitions.map(({ topic }) => topic))]
  if (names.length === 0) return new Map()
  const topics = (await cluster.topics(names)).filter(({ errorCode }) => errorCode === 0)
  const ranges = topics.map(async (topic) => [topic.name ?? '', await offsetRanges(cluster, topic)] as const)
  return new Map(await Promise.all(ranges))
}

type Owned = Pick<GroupPartition, 'topic' | 'partition'> & { readonly memberId: string }

function joined(committed: readonly CommittedOffset[], owned: readonly Owned[]) {
  const nameOf = ({ topic, partition }: Pick<GroupPartition, 'topic' | 'partition'>) => `${topic}/${partition}`
  const owners = new Map(owned.map((one) => [nameOf(one), one.memberId]))
  const known = new Set(committed.map(nameOf))
  const all = [
    ...committed.map(({ topic, partition, offset, metadata }) => ({ topic, partition, committed: offset, metadata })),
    ...owned
      .filter((one) => !known.has(nameOf(one)))
      .map(({ topic, partition }) => ({ topic, partition, committed: null, metadata: '' })),
  ]
  return all
    .map((one) => ({ ...one, memberId: owners.get(nameOf(one)) ?? null }))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}
