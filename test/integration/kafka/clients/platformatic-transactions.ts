import { deepEqual } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Producer, stringSerializers } from '@platformatic/kafka'
import type { Feature } from '../features.ts'
import { platformaticClients } from './platformatic-clients.ts'

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1

/** Transactions: what readers see of them. */
export function platformaticTransactionChecks(address: string): Partial<Record<Feature, () => Promise<void>>> {
  const { connection, newTopic, read, values } = platformaticClients(address)

  const producerOf = (transactionalId: string) =>
    new Producer({ ...connection, serializers: stringSerializers, transactionalId, idempotent: true, retries: 0 })
  const valuesOf = async (topic: string, count: number, isolationLevel: number) =>
    (await read(topic, count, randomUUID(), { isolationLevel })).map(({ value }) => value)

  async function write(producer: ReturnType<typeof producerOf>, topic: string, prefix: string) {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: values(prefix, 3).map((value) => ({ topic, key: 'k', value })) })
    return transaction
  }

  return {
    transactions: async () => {
      const topic = await newTopic()
      const producer = producerOf(randomUUID())
      await (await write(producer, topic, 'a')).commit()
      await (await write(producer, topic, 'b')).abort()
      await (await write(producer, topic, 'c')).commit()
      await producer.close()
      deepEqual(await valuesOf(topic, 6, READ_COMMITTED), [...values('a', 3), ...values('c', 3)])
      const all = ['a', 'b', 'c'].flatMap((prefix) => values(prefix, 3))
      deepEqual(await valuesOf(topic, 9, READ_UNCOMMITTED), all)
    },
  }
}
