/** One partition of a topic, by the topic's id: a topic that is deleted and made again has other partitions. */
export type PartitionKey = `${string}/${number}`

export type PartitionSet = ReadonlySet<PartitionKey>

/** Partitions of one topic, as messages and files have them. */
export interface TopicPartitions {
  /** A UUID. */
  readonly topicId: string
  readonly partitions: readonly number[]
}

export const NO_PARTITIONS: PartitionSet = new Set()

export function partitionSetOf(topics: readonly TopicPartitions[]): PartitionSet {
  return new Set(
    topics.flatMap(({ topicId, partitions }) => partitions.map((partition): PartitionKey => `${topicId}/${partition}`)),
  )
}

/** The partitions topic by topic, each topic's in ascending order. */
export function byTopic(partitions: PartitionSet): TopicPartitions[] {
  const topics = new Map<string, number[]>()
  for (const key of partitions) {
    const topicId = topicIdOf(key)
    const indexes = topics.get(topicId) ?? []
    indexes.push(Number(key.slice(topicId.length + 1)))
    topics.set(topicId, indexes)
  }
  return [...topics].map(([topicId, indexes]) => ({ topicId, partitions: indexes.sort((a, b) => a - b) }))
}

export function topicIdOf(key: PartitionKey): string {
  return key.slice(0, key.indexOf('/'))
}

export function isSamePartitions(a: PartitionSet, b: PartitionSet): boolean {
  return a.size === b.size && a.isSubsetOf(b)
}
