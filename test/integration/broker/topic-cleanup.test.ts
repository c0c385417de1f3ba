import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import {
  createPartitions,
  createTopics,
  deleteRecords,
  deleteTopics,
  describeLogDirs,
  ERROR,
  fetch,
  incrementalAlterConfigs,
  listOffsets,
  metadata,
  produce,
  RESOURCE_TYPE,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { batchOf } from './batches.ts'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

const [EARLIEST, LATEST] = [-2, -1]

let dataDir: string
let broker: Broker
let client: RawClient

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-cleanup-'))
  broker = await Broker.start({ dataDir, config: { 'log.cleaner.backoff.ms': '20' } })
  client = await RawClient.connect(broker.address)
})
afterEach(async () => {
  client.close()
  await broker.close()
  await rm(dataDir, { recursive: true })
})

async function restart(): Promise<void> {
  client.close()
  await broker.close()
  broker = await Broker.start({ dataDir })
  client = await RawClient.connect(broker.address)
}

async function create(name: string, configs: Record<string, string> = {}, numPartitions = 1): Promise<string> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: entries }
  const { topics } = await client.ask(createTopics, 7, { topics: [topic] })
  expect(topics[0]?.errorCode).toBe(ERROR.NONE)
  return topics[0]?.topicId ?? ''
}

async function append(topic: string, value: string, timestamp = Date.now()) {
  const records = batchOf([value], { timestamp })
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
  const { responses } = await client.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
  return responses[0]?.partitionResponses[0]
}

async function offsetOf(name: string, timestamp: number): Promise<number> {
  const { topics } = await client.ask(listOffsets, 9, {
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }],
  })
  return topics[0]?.partitions[0]?.offset ?? -1
}

async function read(topic: string, fetchOffset: number) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
  const { responses } = await client.ask(fetch, 12, { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }] })
  return responses[0]?.partitions[0]
}

describe('retention', () => {
  test('by time: what is too old goes, for good, and a reader is told where to go on', async () => {
    await create('aging', { 'retention.ms': '3600000', 'segment.bytes': '1000' })
    const longAgo = Date.now() - 7_200_000
    for (let index = 0; index < 6; index++) await append('aging', 'x'.repeat(600), longAgo)
    for (let index = 0; index < 3; index++) await append('aging', 'x'.repeat(600))
    await vi.waitFor(async () => expect(await offsetOf('aging', EARLIEST)).toBe(6), { timeout: 20_000 })
    for (const again of [false, true]) {
      if (again) await restart()
      expect(await read('aging', 5)).toMatchObject({ errorCode: ERROR.OFFSET_OUT_OF_RANGE, logStartOffset: 6 })
      expect(await read('aging', 6)).toMatchObject({ errorCode: ERROR.NONE, logStartOffset: 6, highWatermark: 9 })
    }
  })

  test('all that is too old goes, also from the segment that is written to', async () => {
    await create('old', { 'retention.ms': '3600000' })
    await append('old', 'x', 1000)
    await vi.waitFor(async () => expect(await offsetOf('old', EARLIEST)).toBe(1), { timeout: 20_000 })
    expect(await append('old', 'y')).toMatchObject({ errorCode: ERROR.NONE, baseOffset: 1 })
    expect(await offsetOf('old', EARLIEST)).toBe(1)
  })

  test('by size, from the moment when it is set', async () => {
    await create('large', { 'segment.bytes': '1000' })
    for (let index = 0; index < 10; index++) await append('large', 'x'.repeat(600))
    expect(await offsetOf('large', EARLIEST)).toBe(0)
    const configs = [{ name: 'retention.bytes', configOperation: 0, value: '2500' }]
    const resource = { resourceType: RESOURCE_TYPE.topic, resourceName: 'large', configs }
    await client.ask(incrementalAlterConfigs, 1, { resources: [resource], validateOnly: false })
    await vi.waitFor(async () => expect(await offsetOf('large', EARLIEST)).toBe(6), { timeout: 20_000 })
    expect(await offsetOf('large', LATEST)).toBe(10)
  })
})

test('a compacted topic gives a consumer the last value of each key', async () => {
  await create('compacted', {
    'cleanup.policy': 'compact',
    'segment.bytes': '500',
    'min.cleanable.dirty.ratio': '0.01',
  })
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  for (let index = 0; index < 60; index++)
    await producer.send({ topic: 'compacted', messages: [{ key: `key ${index % 3}`, value: `value ${index}` }] })
  await producer.disconnect()
  const consumed = async () => {
    const found: string[] = []
    const consumer = kafka.consumer({ groupId: `reader ${Math.random()}` })
    await consumer.connect()
    await consumer.subscribe({ topic: 'compacted', fromBeginning: true })
    const { promise, resolve } = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ message }) => {
        found.push(String(message.value))
        if (message.offset === '59') resolve()
      },
    })
    await promise
    await consumer.disconnect()
    return found
  }
  const sizeOf = async () => {
    const { results } = await client.ask(describeLogDirs, 4, { topics: [{ topic: 'compacted', partitions: [0] }] })
    return results[0]?.topics[0]?.partitions[0]?.partitionSize
  }
  await vi.waitFor(async () => expect(await sizeOf()).toBeLessThan(1200), { timeout: 20_000 })
  const found = await consumed()
  expect(found.length).toBeLessThan(20)
  expect(found.slice(-3)).toEqual(['value 57', 'value 58', 'value 59'])
})

test('deleted records stay deleted, whatever becomes of the process', async () => {
  await broker.close()
  const killed = await BrokerProcess.start(dataDir)
  client = await RawClient.connect(killed.address)
  await create('shortened')
  for (let index = 0; index < 5; index++) await append('shortened', String(index))
  const partitions = [
    { partitionIndex: 0, offset: 3 },
    { partitionIndex: 7, offset: 0 },
  ]
  const { topics } = await client.ask(deleteRecords, 2, {
    topics: [{ name: 'shortened', partitions }],
    timeoutMs: 1000,
  })
  expect(topics[0]?.partitions).toMatchObject([
    { errorCode: ERROR.NONE, lowWatermark: 3 },
    { errorCode: ERROR.UNKNOWN_TOPIC_OR_PARTITION, lowWatermark: -1 },
  ])
  const beyond = [{ name: 'shortened', partitions: [{ partitionIndex: 0, offset: 6 }] }]
  const refused = await client.ask(deleteRecords, 2, { topics: beyond, timeoutMs: 1000 })
  expect(refused.topics[0]?.partitions[0]?.errorCode).toBe(ERROR.OFFSET_OUT_OF_RANGE)
  await killed.end('SIGKILL')
  await restart()
  expect(await offsetOf('shortened', EARLIEST)).toBe(3)
  expect(await read('shortened', 2)).toMatchObject({ errorCode: ERROR.OFFSET_OUT_OF_RANGE })
  expect((await read('shortened', 3))?.records?.length).toBeGreaterThan(0)
})

describe('deleting a topic', () => {
  const remove = (name: string) =>
    client.ask(deleteTopics, 6, { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: 1000 })

  test('ends the fetch that waits for its records, at once', async () => {
    const topicId = await create('awaited')
    const reader = await RawClient.connect(broker.address)
    for (const isolationLevel of [0, 1]) {
      const name = isolationLevel === 0 ? 'awaited' : 'awaited-again'
      const id = isolationLevel === 0 ? topicId : await create(name)
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }]
      const request = {
        maxWaitMs: 120_000,
        minBytes: 1,
        isolationLevel,
        topics: [{ topicId: id, topic: '', partitions }],
      }
      reader.send(fetch, 16, request)
      await client.ask(metadata, 12, { topics: [] })
      await remove(name)
      const { body } = await reader.receive(fetch, 16)
      expect(body.responses[0]?.partitions[0]?.errorCode).toBeOneOf([
        ERROR.UNKNOWN_TOPIC_OR_PARTITION,
        ERROR.UNKNOWN_TOPIC_ID,
      ])
    }
    reader.close()
  })

  test('while others produce: each is answered, and a topic of that name can be made again', async () => {
    const first = await create('remade')
    const writers = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(broker.address)))
    const answers = writers.flatMap((writer) =>
      Array.from({ length: 20 }, async () => {
        const topicData = [{ name: 'remade', partitionData: [{ index: 0, records: batchOf(['x']) }] }]
        writer.send(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
      }),
    )
    await Promise.all(answers)
    expect((await remove('remade')).responses[0]?.errorCode).toBe(ERROR.NONE)
    for (const writer of writers)
      for (let index = 0; index < 20; index++) {
        const { body } = await writer.receive(produce, 11)
        const code = body.responses[0]?.partitionResponses[0]?.errorCode
        expect(code).toBeOneOf([ERROR.NONE, ERROR.UNKNOWN_TOPIC_OR_PARTITION])
      }
    for (const writer of writers) writer.close()
    expect((await remove('remade')).responses[0]?.errorCode).toBe(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
    const second = await create('remade')
    expect(second).not.toBe(first)
    expect(await offsetOf('remade', LATEST)).toBe(0)
    const byOldId = await client.ask(deleteTopics, 6, { topics: [{ name: null, topicId: first }], timeoutMs: 1000 })
    expect(byOldId.responses[0]?.errorCode).toBe(ERROR.UNKNOWN_TOPIC_ID)
  })
})

test('partitions are added, never taken away, and go by the configs of their topic', async () => {
  await create('growing', { 'max.message.bytes': '500' })
  const ask = async (
    count: number,
    options: { validateOnly?: boolean; assignments?: { brokerIds: number[] }[] } = {},
  ) => {
    const { validateOnly = false, assignments = null } = options
    const topics = [{ name: 'growing', count, assignments }]
    return (await client.ask(createPartitions, 3, { topics, timeoutMs: 1000, validateOnly })).results[0]?.errorCode
  }
  expect(await ask(1)).toBe(ERROR.INVALID_PARTITIONS)
  expect(await ask(0)).toBe(ERROR.INVALID_PARTITIONS)
  expect(await ask(3, { validateOnly: true })).toBe(ERROR.NONE)
  expect(await ask(3, { assignments: [{ brokerIds: [1] }] })).toBe(ERROR.INVALID_REPLICA_ASSIGNMENT)
  expect(await ask(3)).toBe(ERROR.NONE)
  for (const again of [false, true]) {
    if (again) await restart()
    const { topics } = await client.ask(metadata, 12, { topics: [{ name: 'growing', topicId: ZERO_UUID }] })
    expect(topics[0]?.partitions).toHaveLength(3)
    const topicData = [{ name: 'growing', partitionData: [{ index: 2, records: batchOf(['x'.repeat(600)]) }] }]
    const { responses } = await client.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(ERROR.MESSAGE_TOO_LARGE)
  }
})
