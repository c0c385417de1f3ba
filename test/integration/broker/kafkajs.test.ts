import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import { type Admin, CompressionTypes, type Consumer, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

let dataDir: string
let broker: Broker
let kafka: Kafka
let admin: Admin
let topic: string
const opened: (Producer | Consumer)[] = []
const faults: unknown[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-kafkajs-'))
  broker = await Broker.start({ dataDir, onError: (error) => faults.push(error) })
  kafka = new Kafka({ brokers: [broker.address], clientId: 'test', logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  await admin.connect()
})

afterAll(async () => {
  await admin.disconnect()
  await broker.close()
  await rm(dataDir, { recursive: true })
  expect(faults).toEqual([])
})

beforeEach(() => {
  topic = `topic-${randomUUID()}`
})

afterEach(async () => {
  for (const client of opened.splice(0)) await client.disconnect()
})

async function producer(options: { idempotent?: boolean } = {}): Promise<Producer> {
  const made = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options })
  opened.push(made)
  await made.connect()
  return made
}

async function consumer(groupId: string): Promise<Consumer> {
  const made = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 100, maxWaitTimeInMs: 200 })
  opened.push(made)
  await made.connect()
  return made
}

const messages = (count: number, prefix = 'value') =>
  Array.from({ length: count }, (_, index) => ({ key: `key ${index}`, value: `${prefix} ${index}` }))

/** Reads from the group's position until `count` messages have come. */
async function consume(reader: Consumer, count: number): Promise<string[]> {
  const seen: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  await reader.subscribe({ topic, fromBeginning: true })
  await reader.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message }) => {
      seen.push(String(message.value))
      if (seen.length === count) resolve()
    },
  })
  await promise
  return seen
}

describe('admin', () => {
  test('topics are made, described, grown and deleted', async () => {
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 3 }] })).toBe(true)
    expect(await admin.createTopics({ topics: [{ topic }] })).toBe(false)
    expect(await admin.listTopics()).toContain(topic)
    const partitionsOf = async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions
    expect((await partitionsOf())?.map((p) => p.partitionId).sort()).toEqual([0, 1, 2])
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    expect(await partitionsOf()).toHaveLength(5)
    await admin.deleteTopics({ topics: [topic] })
    expect(await admin.listTopics()).not.toContain(topic)
  })

  test('configs that were set are told apart from defaults, and nonsense is refused', async () => {
    await admin.createTopics({ topics: [{ topic, configEntries: [{ name: 'segment.bytes', value: '1048576' }] }] })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['segment.bytes', 'max.message.bytes'] }],
    })
    const values = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue])
    expect(Object.fromEntries(values ?? [])).toEqual({ 'segment.bytes': '1048576', 'max.message.bytes': '1048588' })
    const refused = { topic: `${topic}-2`, configEntries: [{ name: 'segment.bytes', value: 'large' }] }
    await expect(admin.createTopics({ topics: [refused] })).rejects.toThrow()
    expect(await admin.listTopics()).not.toContain(refused.topic)
  })

  test('offsets by time and deleted records', async () => {
    const writer = await producer()
    const timed = Array.from({ length: 10 }, (_, index) => ({ value: `${index}`, timestamp: `${1000 + index * 10}` }))
    for (const message of timed) await writer.send({ topic, messages: [message] })
    const offsetAt = async (timestamp: number) =>
      (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).map(({ offset }) => offset)
    expect(await offsetAt(1045)).toEqual(['5'])
    expect(await offsetAt(0)).toEqual(['0'])
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] })
    expect(await admin.fetchTopicOffsets(topic)).toEqual([{ partition: 0, offset: '10', high: '10', low: '7' }])
    const reader = await consumer(`group-${topic}`)
    expect(await consume(reader, 3)).toEqual(['7', '8', '9'])
  })

  test('the cluster is one broker', async () => {
    const { brokers, clusterId } = await admin.describeCluster()
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual([broker.address])
    expect(clusterId).toHaveLength(22)
  })
})

describe('producing and consuming', () => {
  test.each([
    ['plain', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
  ])('%s messages come back with keys, headers and times', async (_name, compression) => {
    const writer = await producer()
    const message = { key: 'k', value: 'v', headers: { trace: 'abc' }, timestamp: '1700000000000' }
    const [answer] = await writer.send({ topic, compression, messages: [message, { key: null, value: null }] })
    expect(answer).toMatchObject({ topicName: topic, partition: 0, errorCode: 0, baseOffset: '0' })
    const reader = await consumer(`group-${topic}`)
    const seen: unknown[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    await reader.subscribe({ topic, fromBeginning: true })
    await reader.run({
      eachMessage: async ({ message: { key, value, headers, timestamp, offset } }) => {
        seen.push({ key: key && `${key}`, value: value && `${value}`, trace: `${headers?.trace}`, timestamp, offset })
        if (seen.length === 2) resolve()
      },
    })
    await promise
    expect(seen).toEqual([
      { key: 'k', value: 'v', trace: 'abc', timestamp: '1700000000000', offset: '0' },
      { key: null, value: null, trace: 'undefined', timestamp: expect.any(String), offset: '1' },
    ])
  })

  test('an idempotent producer', async () => {
    const writer = await producer({ idempotent: true })
    for (let round = 0; round < 5; round++) await writer.send({ topic, messages: messages(20, `round ${round}`) })
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ high: '100', low: '0' }])
  })

  test('a message that is too large is refused, as Kafka would', async () => {
    const writer = await producer()
    const send = writer.send({ topic, messages: [{ value: 'x'.repeat(1_100_000) }] })
    await expect(send).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
  })

  test('a consumer that waits gets a message at once', async () => {
    await admin.createTopics({ topics: [{ topic }] })
    const reader = kafka.consumer({ groupId: `group-${topic}`, maxWaitTimeInMs: 30_000 })
    opened.push(reader)
    await reader.connect()
    const joined = once(reader, 'consumer.group_join')
    const fetching = once(reader, 'consumer.fetch_start')
    const { promise, resolve } = Promise.withResolvers<string>()
    await reader.subscribe({ topic, fromBeginning: true })
    await reader.run({ eachMessage: async ({ message }) => resolve(String(message.value)) })
    await Promise.all([joined, fetching])
    const writer = await producer()
    const sentAt = performance.now()
    await writer.send({ topic, messages: [{ value: 'now' }] })
    expect(await promise).toBe('now')
    expect(performance.now() - sentAt).toBeLessThan(5000)
  })
})

describe('groups', () => {
  test('two consumers share the partitions; when one leaves, the other takes all', async () => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
    const groupId = `group-${topic}`
    const [first, second] = [await consumer(groupId), await consumer(groupId)]
    const owned = new Map<Consumer, number[]>()
    const settled = Promise.withResolvers<void>()
    const takenOver = Promise.withResolvers<void>()
    for (const reader of [first, second]) {
      await reader.subscribe({ topic, fromBeginning: true })
      reader.on('consumer.group_join', ({ payload }) => {
        owned.set(reader, payload.memberAssignment[topic] ?? [])
        const shares = [first, second].map((each) => owned.get(each)?.length ?? 0)
        if (shares.every((share) => share === 2)) settled.resolve()
        if (shares[0] === 4) takenOver.resolve()
      })
    }
    const seen = new Set<string>()
    const allSeen = Promise.withResolvers<void>()
    const eachMessage = async ({ message }: { message: { value: Buffer | null } }) => {
      seen.add(String(message.value))
      if (seen.size === 40) allSeen.resolve()
    }
    await first.run({ eachMessage })
    await second.run({ eachMessage })
    await settled.promise
    expect([...owned.values()].flat().sort()).toEqual([0, 1, 2, 3])
    const described = await admin.describeGroups([groupId])
    expect(described.groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' })
    expect(described.groups[0]?.members).toHaveLength(2)
    await expect(admin.deleteGroups([groupId])).rejects.toThrow()

    await (await producer()).send({ topic, messages: messages(40) })
    await allSeen.promise
    await second.stop()
    await takenOver.promise
  })

  test('a group goes on where it left off, and can be deleted when it is empty', async () => {
    const groupId = `group-${topic}`
    const writer = await producer()
    await writer.send({ topic, messages: messages(5, 'early') })
    const first = await consumer(groupId)
    await consume(first, 5)
    await first.disconnect()
    await writer.send({ topic, messages: messages(5, 'late') })
    expect(await consume(await consumer(groupId), 5)).toEqual(messages(5, 'late').map(({ value }) => value))
    for (const client of opened.splice(0)) await client.disconnect()
    expect((await admin.listGroups()).groups.map((group) => group.groupId)).toContain(groupId)
    expect(await admin.fetchOffsets({ groupId, topics: [topic] })).toMatchObject([{ partitions: [{ offset: '10' }] }])
    await admin.deleteGroups([groupId])
    expect((await admin.listGroups()).groups.map((group) => group.groupId)).not.toContain(groupId)
    expect(await admin.fetchOffsets({ groupId, topics: [topic] })).toMatchObject([{ partitions: [{ offset: '-1' }] }])
  })
})

function once(reader: Consumer, event: 'consumer.group_join' | 'consumer.fetch_start'): Promise<void> {
  return new Promise((resolve) => {
    reader.on(event, () => resolve())
  })
}
