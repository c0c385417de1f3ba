import { assertNoError } from '@headrace/adapters/kafka'
import { listOffsets, OFFSET_SPEC } from '@headrace/broker/protocol'
import type { KafkaCluster, TopicMetadata } from '../cluster.ts'

/** Where a partition's records begin and end: `first` is the lowest offset there is, `end` the next to be given out. */
export interface OffsetRange {
  readonly first: number
  readonly end: number
}

/**
 * By partition: the first offset at or after a time (ms), −1 where there is none; instead of a time, a value of
 * `OFFSET_SPEC`. A partition without a leader has no entry.
 */
export async function offsetsAt(
  cluster: KafkaCluster,
  topic: TopicMetadata,
  asked: ReadonlyMap<number, number>,
  isolationLevel: 0 | 1 = 0,
): Promise<Map<number, number>> {
  const name = topic.name ?? ''
  const leaders = new Map(topic.partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId]))
  const byLeader = Map.groupBy(asked, ([index]) => leaders.get(index) ?? -1)
  byLeader.delete(-1)
  const answers = await Promise.all(
    [...byLeader].map(([node, timestamps]) => {
      const partitions = timestamps.map(([partitionIndex, timestamp]) => ({ partitionIndex, timestamp }))
      const body = { isolationLevel, topics: [{ name, partitions }] }
      return cluster.request(listOffsets, body, { node }, `list the offsets of topic "${name}"`, (answer) => {
        for (const { errorCode } of answer.topics.flatMap((one) => one.partitions)) assertNoError(errorCode)
      })
    }),
  )
  const listed = answers.flatMap((answer) => answer.topics.flatMap((one) => one.partitions))
  return new Map(listed.map(({ partitionIndex, offset }) => [partitionIndex, offset]))
}

/** The offsets that each partition of a topic holds. A partition without a leader has no entry. */
export async function offsetRanges(
  cluster: KafkaCluster,
  topic: TopicMetadata,
  isolationLevel: 0 | 1 = 0,
): Promise<Map<number, OffsetRange>> {
  const asking = (spec: number) =>
    offsetsAt(
      cluster,
      topic,
      new Map(topic.partitions.map(({ partitionIndex }) => [partitionIndex, spec])),
      isolationLevel,
    )
  const [first, end] = await Promise.all([asking(OFFSET_SPEC.earliest), asking(OFFSET_SPEC.latest)])
  return new Map([...first].map(([index, offset]) => [index, { first: offset, end: end.get(index) ?? offset }]))
}
