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
  const config = { 'group.consumer.heartbeat.interval.ms': '100' }
  broker = await Broker.start({ dataDir, config, onError: (error) => faults.push(error) })
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

test('three consumers of the newer group protocol share a topic; one leaves, and nothing is lost', async () => {
  const topic = 'shared'
  const admin = new Admin(connection)
  await admin.createTopics({ topics: [topic], partitions: 6, replicas: 1 })
  const producer = new Producer({ ...connection, serializers: stringSerializers })
  const produce = async (from: number, to: number) => {
    const messages = Array.from({ length: to - from }, (_, index) => ({
      topic,
      partition: (from + index) % 6,
      value: `${from + index}`,
    }))
    await producer.send({ messages })
  }
  const seen = new Map<string, string>()
  const open = async (name: string) => {
    const consumer = new Consumer({
      ...connection,
      groupId: 'shared',
      groupProtocol: 'consumer',
      deserializers: stringDeserializers,
    })
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      maxWaitTime: 100,
    })
    stream.on('data', async (message) => {
      seen.set(message.value, name)
      await message.commit()
    })
    return consumer
  }
  const partitionsOf = (consumer: Awaited<ReturnType<typeof open>>) =>
    consumer.assignments?.flatMap(({ partitions }) => partitions) ?? []
  const share = (...consumers: Awaited<ReturnType<typeof open>>[]) =>
    expect
      .poll(() => consumers.map((consumer) => partitionsOf(consumer).length), { timeout: 30_000 })
      .toEqual(consumers.map(() => 6 / consumers.length))
  const consumers = await Promise.all(['one', 'two', 'three'].map(open))
  await share(...consumers)
  expect(consumers.flatMap(partitionsOf).sort()).toEqual([0, 1, 2, 3, 4, 5])
  await produce(0, 60)
  await expect.poll(() => seen.size, { timeout: 30_000 }).toBe(60)
  expect(new Set(seen.values())).toEqual(new Set(['one', 'two', 'three']))
  const [first, ...rest] = consumers
  await first?.close(true)
  await share(...rest)
  await produce(60, 120)
  await expect.poll(() => seen.size, { timeout: 30_000 }).toBe(120)
  for (const consumer of rest) await consumer.close(true)
  const listed = await admin.listGroups({ types: ['consumer'] })
  expect(listed.get('shared')).toMatchObject({ state: 'Empty', groupType: 'consumer' })
  await producer.close()
  await admin.close()
})
