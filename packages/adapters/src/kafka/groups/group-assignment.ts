import { ProtocolReader, ProtocolWriter } from '@headrace/broker/protocol'

/**
 * What members of a classic group tell each other through the broker, which never looks inside. Source: Kafka's
 * ConsumerProtocolSubscription and ConsumerProtocolAssignment. Readers take from a version what they know, and let pass what
 * follows.
 *
 * Subscription => version:int16 [topic:string] userData:bytes ownedPartitions:[topic:string [partition:int32]] (from 1)
 *   generation:int32 (from 2)
 * Assignment   => version:int16 [topic:string [partition:int32]] userData:bytes
 */
const ASSIGNMENT_VERSION = 0
/** Not 0: where librdkafka hands out the partitions, `cooperative-sticky`, that silences it until its session ends. */
const SUBSCRIPTION_VERSION = 1
const FIRST_WITH_OWNED = 1
const FIRST_WITH_GENERATION = 2

/** `topicId` where it is known: a topic that was made again is another. */
export interface TopicPartition {
  readonly topic: string
  readonly index: number
  readonly topicId?: string | undefined
}

/** What a member wants, and what it still has. */
export interface Subscription {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** When it got that; −1: not known. */
  readonly generation: number
}

/** Of a member that owns nothing when it joins. */
export function encodeSubscription(topics: readonly string[]): Buffer {
  const writer = new ProtocolWriter()
  writer.int16(SUBSCRIPTION_VERSION)
  writer.arrayLength(topics.length, false)
  for (const topic of topics) writer.string(topic, false)
  writer.bytes(null, false)
  writer.arrayLength(0, false)
  return Buffer.concat(writer.finish())
}

/** Throws `RangeError` or `MalformedMessageError` on bytes of another kind. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new ProtocolReader(bytes)
  const version = reader.int16()
  const topics = Array.from({ length: reader.arrayLength(false) ?? 0 }, () => reader.string(false) ?? '')
  reader.bytes(false)
  const owned = version >= FIRST_WITH_OWNED ? readPartitions(reader) : []
  const generation = version >= FIRST_WITH_GENERATION ? reader.int32() : -1
  return { topics, owned, generation }
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = [...Map.groupBy(partitions, ({ topic }) => topic)]
  const writer = new ProtocolWriter()
  writer.int16(ASSIGNMENT_VERSION)
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
  return readPartitions(reader)
}

function readPartitions(reader: ProtocolReader): readonly TopicPartition[] {
  const topics = Array.from({ length: reader.arrayLength(false) ?? 0 }, () => {
    const topic = reader.string(false) ?? ''
    return Array.from({ length: reader.arrayLength(false) ?? 0 }, () => ({ topic, index: reader.int32() }))
  })
  return topics.flat()
}
