import { randomUUID } from 'node:crypto'
import type { Kafka } from 'kafkajs'

const ID = /^\{"tid":(\d+),/

/** Whether a reader of committed records, kafkajs, finds the records with the ids 0 … `records` − 1 once each, and no others. */
export async function isEachOnce(kafka: Kafka, topic: string, records: number): Promise<boolean> {
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const left = new Map(ends.filter(({ low, high }) => low !== high).map((end) => [end.partition, Number(end.high)]))
  const seen = new Uint8Array(records)
  let read = 0
  const consumer = kafka.consumer({
    groupId: `read-${randomUUID()}`,
    readUncommitted: false,
    maxBytesPerPartition: 4 << 20,
  })
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
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) {
            read++
            const id = ID.exec(value?.toString('latin1', 0, 32) ?? '')?.[1]
            if (id !== undefined && Number(id) < records) seen[Number(id)] = 1
          }
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return read === records && seen.every((one) => one === 1)
}
