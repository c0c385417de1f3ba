import { randomUUID } from 'node:crypto'
import { kafkaClient } from '../generator/kafka-sender.ts'
import { DEMO_TOPIC } from './pipeline.ts'

/** A record as kafkajs gives it. */
export interface TopicRecord {
  readonly partition: number
  readonly value: Uint8Array | null
  readonly timestampMs: number
}

/**
 * Reads a topic from its beginning to where it ends now, each partition in its order, through kafkajs: a way that shares
 * nothing with the pipeline's own reader. Gives how many records it was.
 */
export async function readTopic(
  bootstrap: readonly string[],
  topic: string,
  onRecord: (record: TopicRecord) => void,
): Promise<number> {
  const kafka = kafkaClient(bootstrap)
  const ends = await topicEnds(kafka, topic)
  const open = new Map([...ends].filter(([, end]) => end > 0))
  if (open.size === 0) return 0
  const consumer = kafka.consumer({
    groupId: `headrace-recount-${randomUUID()}`,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 4 * 1024 * 1024,
  })
  const done = Promise.withResolvers<void>()
  let records = 0
  try {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error))
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const end = open.get(batch.partition)
        if (end === undefined) return
        for (const { offset, value, timestamp } of batch.messages) {
          if (Number(offset) >= end) break
          onRecord({ partition: batch.partition, value, timestampMs: Number(timestamp) })
          records++
        }
        if (Number(batch.lastOffset()) + 1 < end) return
        open.delete(batch.partition)
        if (open.size === 0) done.resolve()
      },
    })
    await done.promise
  } finally {
    await consumer.disconnect()
  }
  return records
}

async function topicEnds(kafka: ReturnType<typeof kafkaClient>, topic: string): Promise<Map<number, number>> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const offsets = await admin.fetchTopicOffsets(topic)
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  } finally {
    await admin.disconnect()
  }
}

/** How many records the demo's topic holds; 0 where it does not exist. */
export async function topicRecords(bootstrap: string): Promise<number> {
  const kafka = kafkaClient([bootstrap])
  const admin = kafka.admin()
  try {
    await admin.connect()
    if (!(await admin.listTopics()).includes(DEMO_TOPIC)) return 0
  } finally {
    await admin.disconnect()
  }
  return [...(await topicEnds(kafka, DEMO_TOPIC)).values()].reduce((sum, end) => sum + end, 0)
}
