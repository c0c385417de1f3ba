import type { AssignableMember } from './assignor.ts'
import { type PartitionSet, partitionSetOf, type TopicPartitions } from './partition-set.ts'
import type { PartitionCounts } from './subscription.ts'

/**
 * Each topic is cut into as many ranges as it has subscribers, the first of them one longer where it does not come out even. Members stand in
 * the same order for all topics, so those that are cut alike go together.
 */
export function assignRange(
  members: readonly AssignableMember[],
  partitionCounts: PartitionCounts,
): ReadonlyMap<string, PartitionSet> {
  const ordered = [...members].sort(byInstanceThenId)
  const ranges = new Map(ordered.map(({ id }) => [id, [] as TopicPartitions[]]))
  for (const [topicId, count] of partitionCounts) {
    const subscribers = ordered.filter(({ topicIds }) => topicIds.has(topicId))
    let start = 0
    for (const [index, { id }] of subscribers.entries()) {
      const length = Math.floor(count / subscribers.length) + (index < count % subscribers.length ? 1 : 0)
      const partitions = Array.from({ length }, (_, step) => start + step)
      ranges.get(id)?.push({ topicId, partitions })
      start += length
    }
  }
  return new Map([...ranges].map(([id, topics]) => [id, partitionSetOf(topics)]))
}

/** Static members first, by their own names, which stay when their member ids change. */
function byInstanceThenId(a: AssignableMember, b: AssignableMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return a.instanceId < b.instanceId ? -1 : 1
  if (a.instanceId !== null || b.instanceId !== null) return a.instanceId !== null ? -1 : 1
  return a.id < b.id ? -1 : 1
}
