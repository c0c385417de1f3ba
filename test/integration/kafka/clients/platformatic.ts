import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import type { Feature } from '../features.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** What @platformatic/kafka must be able to do. */
export function platformaticChecks(address: string): Partial<Record<Feature, () => Promise<void>>> {
  const connection = { clientId: 'checks', bootstrapBrokers: [address] }

  async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin(connection)
    try {
      return await use(admin)
    } finally {
      await admin.close()
    }
  }
  async function newTopic(partitions = 1): Promise<string> {
    const topic = `platformatic-${randomUUID()}`
    await withAdmin((admin) => admin.createTopics({ topics: [topic], partitions, replicas: 1 }))
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

  async function resume(options: object): Promise<void> {
    const topic = await newTopic()
    const groupId = randomUUID()
    for (const round of ['early', 'late']) {
      await send(topic, values(round, 5))
      const messages = await read(topic, 5, groupId, options)
      deepEqual(
        messages.map(({ value }) => value),
        values(round, 5),
      )
    }
  }

  return {
    topics: () =>
      withAdmin(async (admin) => {
        const topic = await newTopic(3)
        await rejects(admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 }))
        ok((await admin.listTopics()).includes(topic))
        const { topics } = await admin.metadata({ topics: [topic] })
        equal(topics.get(topic)?.partitionsCount, 3)
        await admin.deleteTopics({ topics: [topic] })
        ok(!(await admin.listTopics()).includes(topic))
      }),
    groupAdmin: () =>
      withAdmin(async (admin) => {
        const topic = await newTopic()
        const groupId = randomUUID()
        await send(topic, ['a'])
        await read(topic, 1, groupId)
        equal((await admin.listGroups()).get(groupId)?.state.toLowerCase(), 'empty')
        await admin.deleteGroups({ groups: [groupId] })
        ok(!(await admin.listGroups()).has(groupId))
      }),
    records: async () => {
      const topic = await newTopic()
      const producer = new Producer({ ...connection, serializers: stringSerializers })
      const headers = { trace: 'abc' }
      await producer.send({ messages: [{ topic, key: 'k', value: 'v', headers, timestamp: 1_700_000_000_000n }] })
      await producer.close()
      const [message] = await read(topic, 1)
      deepEqual([message?.key, message?.value, message?.timestamp], ['k', 'v', 1_700_000_000_000n])
      deepEqual([...(message?.headers ?? [])], [['trace', 'abc']])
    },
    codecs: async () => {
      const topic = await newTopic()
      for (const compression of CODECS) await send(topic, values(compression, 20), { compression })
      const messages = await read(topic, 20 * CODECS.length)
      deepEqual(
        messages.map(({ value }) => value),
        CODECS.flatMap((codec) => values(codec, 20)),
      )
    },
    idempotent: async () => {
      const topic = await newTopic()
      const producer = new Producer({ ...connection, serializers: stringSerializers, idempotent: true })
      for (let round = 0; round < 10; round++)
        await producer.send({ messages: values(`${round}`, 20).map((value) => ({ topic, key: 'k', value })) })
      await producer.close()
      equal((await read(topic, 200)).at(-1)?.offset, 199n)
    },
    resume: () => resume({ groupProtocol: 'classic' }),
  }
}
