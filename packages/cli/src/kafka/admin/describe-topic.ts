import { describeLogDirs } from '@headrace/broker/protocol'
import type { KafkaCluster, TopicMetadata } from '../cluster.ts'
import { type TopicConfig, topicConfigs } from './configs.ts'
import { offsetRanges } from './offsets.ts'
import { summaryOf, type TopicSummary } from './topics.ts'

interface PartitionDescription {
  readonly partition: number
  /** Id of the broker that leads it; −1 where none does. */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
  /** Null where no leader could be asked. */
  readonly firstOffset: number | null
  readonly endOffset: number | null
  /** Bytes on the leader's disk; null where the cluster does not say. */
  readonly sizeBytes: number | null
}

export interface TopicDescription extends TopicSummary {
  readonly layout: readonly PartitionDescription[]
  readonly configs: readonly TopicConfig[]
}

/** All there is to know of a topic. Throws TOPIC_UNKNOWN. */
export async function describeTopic(cluster: KafkaCluster, name: string): Promise<TopicDescription> {
  const topic = await cluster.topic(name)
  const [ranges, sizes, configs] = await Promise.all([
    offsetRanges(cluster, topic),
    partitionSizes(cluster, topic),
    topicConfigs(cluster, name),
  ])
  const layout = topic.partitions.map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
    partition: partitionIndex,
    leader: leaderId,
    replicas: replicaNodes,
    inSync: isrNodes,
    firstOffset: ranges.get(partitionIndex)?.first ?? null,
    endOffset: ranges.get(partitionIndex)?.end ?? null,
    sizeBytes: sizes.get(partitionIndex) ?? null,
  }))
  return { ...summaryOf(topic), layout, configs }
}

/** Bytes of each partition on its leader's disk; empty where the broker cannot say or will not tell this user. */
async function partitionSizes(cluster: KafkaCluster, topic: TopicMetadata): Promise<Map<number, number>> {
  if (!cluster.supports(describeLogDirs)) return new Map()
  const byLeader = Map.groupBy(topic.partitions, ({ leaderId }) => leaderId)
  byLeader.delete(-1)
  const name = topic.name ?? ''
  const answers = await Promise.all(
    [...byLeader].map(([node, led]) => {
      const asked = { topic: name, partitions: led.map(({ partitionIndex }) => partitionIndex) }
      return cluster.request(describeLogDirs, { topics: [asked] }, { node }, `measure topic "${name}"`)
    }),
  )
  const partitions = answers
    .flatMap(({ results }) => results)
    .flatMap(({ topics }) => topics)
    .flatMap((one) => one.partitions)
    .filter(({ isFutureKey }) => !isFutureKey)
  return new Map(partitions.map(({ partitionIndex, partitionSize }) => [partitionIndex, partitionSize]))
}
