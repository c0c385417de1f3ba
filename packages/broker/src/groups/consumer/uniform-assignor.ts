import type { AssignableMember } from './assignor.ts'
import { type PartitionKey, type PartitionSet, partitionSetOf, topicIdOf } from './partition-set.ts'
import type { PartitionCounts } from './subscription.ts'

interface Load {
  readonly id: string
  readonly partitions: Set<PartitionKey>
}

/**
 * Everybody gets as many partitions as their subscriptions allow, to within one, and keeps as many as may be of those that they had: members
 * keep what is still theirs, what is free goes to whoever has least, and then partitions move from those with more to those with less.
 */
export function assignUniform(
  members: readonly AssignableMember[],
  partitionCounts: PartitionCounts,
): ReadonlyMap<string, PartitionSet> {
  const loads: Load[] = members.map(({ id }) => ({ id, partitions: new Set() }))
  const subscribers = subscribersOf(members, loads, partitionCounts)
  const kept = keepPrevious(members, loads, partitionCounts)
  for (const partition of everyPartition(subscribers, partitionCounts)) {
    if (!kept.has(partition)) poorestOf(subscribers.get(topicIdOf(partition)) ?? [])?.partitions.add(partition)
  }
  while (moveFromRichToPoor(loads, subscribers));
  return new Map(loads.map(({ id, partitions }) => [id, partitions]))
}

function subscribersOf(
  members: readonly AssignableMember[],
  loads: readonly Load[],
  partitionCounts: PartitionCounts,
): Map<string, Load[]> {
  const topicIds = [...partitionCounts.keys()]
  return new Map(
    topicIds.map((topicId) => [topicId, loads.filter((_, index) => members[index]?.topicIds.has(topicId))]),
  )
}

/** Partitions that members had and may keep: of topics that they are still subscribed to, and that are still there. */
function keepPrevious(
  members: readonly AssignableMember[],
  loads: readonly Load[],
  partitionCounts: PartitionCounts,
): PartitionSet {
  const present = partitionSetOf([...partitionCounts].map(([topicId, count]) => ({ topicId, partitions: upTo(count) })))
  const kept = new Set<PartitionKey>()
  for (const [index, { topicIds, previous }] of members.entries())
    for (const partition of previous) {
      if (kept.has(partition) || !present.has(partition) || !topicIds.has(topicIdOf(partition))) continue
      loads[index]?.partitions.add(partition)
      kept.add(partition)
    }
  return kept
}

/** Topics with few subscribers first: what only few may have is theirs before they get of what all may have. */
function everyPartition(subscribers: ReadonlyMap<string, Load[]>, partitionCounts: PartitionCounts): PartitionSet {
  const topics = [...partitionCounts].sort(
    ([a], [b]) => (subscribers.get(a)?.length ?? 0) - (subscribers.get(b)?.length ?? 0),
  )
  return partitionSetOf(topics.map(([topicId, count]) => ({ topicId, partitions: upTo(count) })))
}

/** Whether anything was moved. One partition at a time and from whoever has most, so that none moves but for the evenness of all. */
function moveFromRichToPoor(loads: readonly Load[], subscribers: ReadonlyMap<string, Load[]>): boolean {
  let hasMoved = false
  const movable = new Set(loads)
  while (movable.size > 0) {
    const richest = [...movable].reduce((a, b) => (b.partitions.size > a.partitions.size ? b : a))
    if (moveOneFrom(richest, subscribers)) hasMoved = true
    else movable.delete(richest)
  }
  return hasMoved
}

/** Gives the last of its partitions that another subscriber has two fewer for. Every such move evens out, so they come to an end. */
function moveOneFrom(rich: Load, subscribers: ReadonlyMap<string, Load[]>): boolean {
  for (const partition of [...rich.partitions].reverse()) {
    const poorest = poorestOf(subscribers.get(topicIdOf(partition)) ?? [])
    if (poorest === undefined || rich.partitions.size - poorest.partitions.size < 2) continue
    rich.partitions.delete(partition)
    poorest.partitions.add(partition)
    return true
  }
  return false
}

function poorestOf(loads: readonly Load[]): Load | undefined {
  let poorest = loads[0]
  for (const load of loads) if (poorest === undefined || load.partitions.size < poorest.partitions.size) poorest = load
  return poorest
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
