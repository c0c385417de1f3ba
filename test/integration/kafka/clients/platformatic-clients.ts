import { randomUUID } from 'node:crypto'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { until } from './until.ts'

/** Clients of one cluster, with what the checks have in common. */
export function platformaticClients(address: string) {
  const connection = { clientId: 'checks', bootstrapBrokers: [address] }

  async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin(connection)
    try {
      return await use(admin)
    } finally {
      await admin.close()
    }
  }
  async function newTopic(partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = `platformatic-${randomUUID()}`
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await withAdmin(async (admin) => {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
      await until('the topic is known', async () => (await admin.listTopics()).includes(topic))
    })
    return topic
  }
  async function send(topic: string, values: readonly string[], options: object = {}): Promise<void> {
    const producer = new Producer({ ...connection, serializers: stringSerializers, ...options })
    await producer.send({ messages: values.map((value) => ({ topic, key: 'k', value })) })
    await producer.close()
  }
  async function read(topic: string, count: number, groupId: string = randomUUID(), options: object = {}) {
    const consumer = new Consumer({ ...connection, groupId, deserializers: stringDeserializers, ...options })
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
    })
    const messages = []
    for await (const message of stream) {
      messages.push(message)
      await message.commit()
      if (messages.length === count) break
    }
    await consumer.close(true)
    return messages
  }
  const values = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix} ${i}`)
  return { connection, withAdmin, newTopic, send, read, values }
}
