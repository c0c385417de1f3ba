import { randomUUID } from 'node:crypto'
import type { Kafka } from 'kafkajs'

/** A record as text; bytes that are no UTF-8 do not survive it. */
export interface PlainRecord {
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
}

/** All committed records of a topic up to where it ends now, by partition and offset, read by kafkajs. */
export async function readTopic(kafka: Kafka, topic: string): Promise<PlainRecord[]> {
  return (await readRaw(kafka, topic)).map(({ key, value, ...rest }) => ({
    ...rest,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
  }))
}

interface RawRecord extends Omit<PlainRecord, 'key' | 'value'> {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** The same as bytes. */
export async function readRaw(kafka: Kafka, topic: string): Promise<RawRecord[]> {
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const left = new Map(ends.filter(({ low, high }) => low !== high).map((end) => [end.partition, Number(end.high)]))
  const found: (RawRecord & { readonly offset: number })[] = []
  if (left.size > 0) {
    const consumer = kafka.consumer({ groupId: `read-${randomUUID()}`, readUncommitted: false })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      // What ends a partition may be a control record, which is never handed on: the end of a batch tells of it.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        if (Number(payload.lastOffset) + 1 >= (left.get(payload.partition) ?? 0)) left.delete(payload.partition)
        if (left.size === 0) resolve()
      })
      consumer
        .run({
          eachMessage: async ({ partition, message: { key, value, timestamp, headers = {}, offset } }) => {
            const texts = Object.fromEntries(Object.entries(headers).map(([name, own]) => [name, String(own)]))
            const record = { partition, key, value, timestamp: Number(timestamp), headers: texts }
            found.push({ ...record, offset: Number(offset) })
          },
        })
        .catch(reject)
    })
    await consumer.disconnect()
  }
  found.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  return found.map(({ offset, ...record }) => record)
}
