import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'

let dataDir: string
let broker: Broker
let connection: { clientId: string; bootstrapBrokers: string[] }
const faults: unknown[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-platformatic-'))
  broker = await Broker.start({ dataDir, onError: (error) => faults.push(error) })
  connection = { clientId: 'test', bootstrapBrokers: [broker.address] }
})

afterAll(async () => {
  await broker.close()
  await rm(dataDir, { recursive: true })
  expect(faults).toEqual([])
})

test('every codec goes in and comes out', async () => {
  const topic = 'codecs'
  const admin = new Admin(connection)
  await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 })
  const sent: string[] = []
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const values = Array.from({ length: 20 }, (_, index) => `${compression} ${index} ${'x'.repeat(100)}`)
    const producer = new Producer({ ...connection, serializers: stringSerializers, compression, idempotent: true })
    await producer.send({ messages: values.map((value, index) => ({ topic, key: `${index}`, value })) })
    await producer.close()
    sent.push(...values)
  }
  const consumer = new Consumer({ ...connection, groupId: 'codecs', deserializers: stringDeserializers })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  const seen: string[] = []
  for await (const message of stream) {
    seen.push(message.value)
    await message.commit()
    if (seen.length === sent.length) break
  }
  expect(seen.sort()).toEqual(sent.sort())
  await consumer.close(true)
  const groups = await admin.listGroups()
  expect(groups.get('codecs')).toMatchObject({ state: 'Empty', protocolType: 'consumer' })
  await admin.deleteTopics({ topics: [topic] })
  expect(await admin.listTopics()).toEqual([])
  await admin.close()
})
