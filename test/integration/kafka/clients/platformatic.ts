import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Producer, stringSerializers } from '@platformatic/kafka'
import type { Feature } from '../features.ts'
import { platformaticAdminChecks } from './platformatic-admin.ts'
import { platformaticClients } from './platformatic-clients.ts'
import { platformaticGroupChecks } from './platformatic-groups.ts'
import { platformaticTransactionChecks } from './platformatic-transactions.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** What @platformatic/kafka must be able to do. */
export function platformaticChecks(address: string): Partial<Record<Feature, () => Promise<void>>> {
  const { connection, withAdmin, newTopic, send, read, values } = platformaticClients(address)

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
    acks: async () => {
      const topic = await newTopic()
      for (const acks of [0, 1, -1]) await send(topic, values(`acks ${acks}`, 20), { acks })
      equal((await read(topic, 60)).length, 60)
    },
    autoCreate: async () => {
      const topic = `platformatic-${randomUUID()}`
      await send(topic, ['v'], { autocreateTopics: true })
      equal((await read(topic, 1))[0]?.value, 'v')
    },
    large: async () => {
      const topic = await newTopic()
      const sent = ['x'.repeat(500_000), 'small']
      await send(topic, sent)
      const messages = await read(topic, 2, randomUUID(), { maxBytes: 1000, maxBytesPerPartition: 1000 })
      deepEqual(
        messages.map(({ value }) => value),
        sent,
      )
    },
    resume: () => resume({ groupProtocol: 'classic' }),
    ...platformaticAdminChecks(address),
    ...platformaticGroupChecks(address, resume),
    ...platformaticTransactionChecks(address),
  }
}
