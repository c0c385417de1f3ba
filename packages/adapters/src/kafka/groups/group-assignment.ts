import { ProtocolReader, ProtocolWriter } from '@headrace/broker/protocol'

/**
 * What members of a classic group tell each other through the broker, which never looks inside. Source: Kafka's
 * ConsumerProtocolSubscription and ConsumerProtocolAssignment, version 0, which every client reads.
 *
 * Subscription => version:int16 [topic:string] userData:bytes
 * Assignment   => version:int16 [topic:string [partition:int32]] userData:bytes
 */
const VERSION = 0

/** The assignor whose rules `assignRange` follows, by the name that Kafka's clients know. */
export const RANGE_ASSIGNOR = 'range'

/** `topicId` where it is known: a topic that was made again is another. */
export interface TopicPartition {
  readonly topic: string
  readonly index: number
  readonly topicId?: string | undefined
}

export function encodeSubscription(topics: readonly string[]): Buffer {
  const writer = new ProtocolWriter()
  writer.int16(VERSION)
  writer.arrayLength(topics.length, false)
  for (const topic of topics) writer.string(topic, false)
  writer.bytes(null, false)
  return Buffer.concat(writer.finish())
}

/** Throws `RangeError` or `MalformedMessageError` on bytes of another kind. */
export function decodeSubscription(bytes: Buffer): readonly string[] {
  const reader = new ProtocolReader(bytes)
  reader.int16()
  return Array.from({ length: reader.arrayLength(false) ?? 0 }, () => reader.string(false) ?? '')
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = [...Map.groupBy(partitions, ({ topic }) => topic)]
  const writer = new ProtocolWriter()
  writer.int16(VERSION)
  writer.arrayLength(byTopic.length, false)
  for (const [topic, own] of byTopic) {
    writer.string(topic, false)
    writer.arrayLength(own.length, false)
    for (const { index } of own) writer.int32(index)
  }
  writer.bytes(null, false)
  return Buffer.concat(writer.finish())
}

/** A member that gets nothing may be sent no bytes at all. */
export function decodeAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  const reader = new ProtocolReader(bytes)
  reader.int16()
  const topics = Array.from({ length: reader.arrayLength(false) ?? 0 }, () => {
    const topic = reader.string(false) ?? ''
    return Array.from({ length: reader.arrayLength(false) ?? 0 }, () => ({ topic, index: reader.int32() }))
  })
  return topics.flat()
}

/** Topic by topic, each member (by id) a run of neighbouring partitions; the first ones get one more where it does not divide. */
export function assignRange(
  subscriptions: ReadonlyMap<string, readonly string[]>,
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const assigned = new Map<string, TopicPartition[]>([...subscriptions.keys()].map((member) => [member, []]))
  for (const topic of [...partitionCounts.keys()].sort()) {
    const count = partitionCounts.get(topic) ?? 0
    const members = [...subscriptions].filter(([, topics]) => topics.includes(topic)).map(([member]) => member)
    members.sort()
    let next = 0
    members.forEach((member, i) => {
      const share = Math.floor(count / members.length) + (i < count % members.length ? 1 : 0)
      for (let taken = 0; taken < share; taken++) assigned.get(member)?.push({ topic, index: next++ })
    })
  }
  return assigned
}
