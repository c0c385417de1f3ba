import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import {
  alterConfigs,
  BatchHeader,
  CONFIG_SOURCE,
  compress,
  createTopics,
  describeConfigs,
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
import { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { batchOf } from './batches.ts'
import { RawClient } from './raw-client.ts'

const [SET, DELETE, APPEND] = [0, 1, 2]

let dataDir: string
let broker: Broker
let client: RawClient

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-configs-'))
  await start()
})
afterEach(async () => {
  client.close()
  await broker.close()
  await rm(dataDir, { recursive: true })
})

async function start(): Promise<void> {
  broker = await Broker.start({ dataDir, config: { 'log.segment.bytes': '5000000' } })
  client = await RawClient.connect(broker.address)
}

async function restart(): Promise<void> {
  client.close()
  await broker.close()
  await start()
}

async function create(name: string, configs: Record<string, string | null> = {}, validateOnly = false) {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: entries }
  const { topics } = await client.ask(createTopics, 7, { topics: [topic], validateOnly })
  return topics[0]
}

async function alter(
  name: string,
  configName: string,
  configOperation: number,
  value: string | null,
  validateOnly = false,
) {
  const resource = {
    resourceType: RESOURCE_TYPE.topic,
    resourceName: name,
    configs: [{ name: configName, configOperation, value }],
  }
  const { responses } = await client.ask(incrementalAlterConfigs, 1, { resources: [resource], validateOnly })
  return responses[0]
}

async function shown(resourceName: string, configName: string, resourceType: number = RESOURCE_TYPE.topic) {
  const { results } = await client.ask(describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: [configName] }],
    includeSynonyms: true,
    includeDocumentation: true,
  })
  return results[0]?.configs[0]
}

async function append(topic: string, records: Buffer) {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
  const { responses } = await client.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
  return responses[0]?.partitionResponses[0]
}

async function firstBatch(topic: string): Promise<BatchHeader> {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }]
  const { responses } = await client.ask(fetch, 12, { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }] })
  return new BatchHeader().at(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0), 0)
}

describe('configs', () => {
  test('are given at creation, changed, shown with their sources, and outlive the broker', async () => {
    expect(await create('shown', { 'retention.ms': '5', 'segment.ms': null })).toMatchObject({ errorCode: ERROR.NONE })
    expect(await alter('shown', 'cleanup.policy', APPEND, 'compact')).toMatchObject({ errorCode: ERROR.NONE })
    expect(await alter('shown', 'max.message.bytes', SET, '2000')).toMatchObject({ errorCode: ERROR.NONE })
    expect(await alter('shown', 'retention.ms', DELETE, null)).toMatchObject({ errorCode: ERROR.NONE })
    for (const again of [false, true]) {
      if (again) await restart()
      expect(await shown('shown', 'cleanup.policy')).toMatchObject({
        value: 'delete,compact',
        configSource: CONFIG_SOURCE.topic,
        configType: 7,
        readOnly: false,
        isSensitive: false,
        synonyms: [
          { name: 'cleanup.policy', value: 'delete,compact', source: CONFIG_SOURCE.topic },
          { name: 'log.cleanup.policy', value: 'delete', source: CONFIG_SOURCE.default },
        ],
      })
      expect((await shown('shown', 'cleanup.policy'))?.documentation).toContain('keeps the last record of each key')
      expect(await shown('shown', 'retention.ms')).toMatchObject({ value: '-1', configSource: CONFIG_SOURCE.broker })
      expect(await shown('shown', 'segment.bytes')).toMatchObject({
        value: '5000000',
        configSource: CONFIG_SOURCE.broker,
      })
      expect((await append('shown', batchOf(['x'.repeat(3000)])))?.errorCode).toBe(ERROR.MESSAGE_TOO_LARGE)
    }
  })

  test('that are wrong are refused with a message, and nothing is changed', async () => {
    expect(await create('wrong', { 'retention.days': '5' })).toMatchObject({
      errorCode: ERROR.INVALID_CONFIG,
      errorMessage: 'Unknown topic config name: retention.days',
    })
    await create('wrong')
    expect(await alter('wrong', 'retention.ms', SET, 'long')).toMatchObject({
      errorCode: ERROR.INVALID_CONFIG,
      errorMessage: 'Invalid value long for configuration retention.ms: Not a number of type LONG',
    })
    expect(await alter('absent', 'retention.ms', SET, '5')).toMatchObject({
      errorCode: ERROR.UNKNOWN_TOPIC_OR_PARTITION,
    })
    expect(await shown('wrong', 'retention.ms')).toMatchObject({ value: '-1' })
  })

  test('that are only to be validated are not kept', async () => {
    await create('tried')
    expect(await alter('tried', 'retention.ms', SET, '7', true)).toMatchObject({ errorCode: ERROR.NONE })
    expect(await alter('tried', 'retention.ms', SET, 'x', true)).toMatchObject({ errorCode: ERROR.INVALID_CONFIG })
    expect(await shown('tried', 'retention.ms')).toMatchObject({ value: '-1' })
    expect(await create('never', { 'retention.ms': '7' }, true)).toMatchObject({ errorCode: ERROR.NONE })
    expect(await alter('never', 'retention.ms', SET, '7')).toMatchObject({
      errorCode: ERROR.UNKNOWN_TOPIC_OR_PARTITION,
    })
  })

  test('of a broker are shown, and cannot be changed while it runs', async () => {
    expect(await shown('1', 'log.segment.bytes', RESOURCE_TYPE.broker)).toMatchObject({
      value: '5000000',
      readOnly: true,
      configSource: CONFIG_SOURCE.broker,
    })
    expect(await shown('1', 'auto.create.topics.enable', RESOURCE_TYPE.broker)).toMatchObject({ value: 'true' })
    expect(await shown('7', 'num.partitions', RESOURCE_TYPE.broker)).toBeUndefined()
    const resource = { resourceType: RESOURCE_TYPE.broker, resourceName: '1', configs: [] }
    for (const api of [alterConfigs, incrementalAlterConfigs]) {
      const { responses } = await client.ask(api, 0, { resources: [resource], validateOnly: false })
      expect(responses[0]?.errorCode).toBe(ERROR.INVALID_REQUEST)
    }
  })

  test('the whole set is replaced by AlterConfigs, as kafkajs sends it', async () => {
    const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const configEntries = [{ name: 'retention.ms', value: '5' }]
    await admin.createTopics({ topics: [{ topic: 'replaced', configEntries }] })
    const resource = { type: ConfigResourceTypes.TOPIC, name: 'replaced' }
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name: 'segment.ms', value: '9' }] }],
    })
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] })
    const values = Object.fromEntries(resources[0]?.configEntries.map((entry) => [entry.configName, entry]) ?? [])
    expect(values['segment.ms']).toMatchObject({ configValue: '9', configSource: CONFIG_SOURCE.topic })
    expect(values['retention.ms']).toMatchObject({ configValue: '-1' })
    await expect(
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ ...resource, configEntries: [{ name: 'segment.ms', value: 'x' }] }],
      }),
    ).rejects.toMatchObject({ type: 'INVALID_CONFIG' })
    await admin.disconnect()
  })
})

describe('what configs do to records', () => {
  test('message.timestamp.type=LogAppendTime gives them the time of their arrival', async () => {
    await create('arrived', { 'message.timestamp.type': 'LogAppendTime' })
    const before = Date.now()
    const answer = await append('arrived', batchOf(['a', 'b'], { timestamp: 1000 }))
    const arrivedAt = answer?.logAppendTimeMs ?? -1
    expect(arrivedAt).toBeGreaterThanOrEqual(before)
    const batch = await firstBatch('arrived')
    expect([batch.timestampType, batch.maxTimestamp]).toEqual(['LogAppendTime', arrivedAt])
    const partitions = [{ partitionIndex: 0, timestamp: before }]
    const { topics } = await client.ask(listOffsets, 9, { topics: [{ name: 'arrived', partitions }] })
    expect(topics[0]?.partitions[0]).toMatchObject({ offset: 0, timestamp: arrivedAt })
    expect(await valuesOf('arrived')).toEqual(['a', 'b'])
  })

  test('times beyond message.timestamp.after.max.ms or before.max.ms are refused', async () => {
    await create('timely', { 'message.timestamp.after.max.ms': '60000', 'message.timestamp.before.max.ms': '60000' })
    const now = Date.now()
    for (const [timestamp, errorCode] of [
      [now, ERROR.NONE],
      [now + 120_000, ERROR.INVALID_TIMESTAMP],
      [now - 120_000, ERROR.INVALID_TIMESTAMP],
    ] as const)
      expect((await append('timely', batchOf(['x'], { timestamp })))?.errorCode).toBe(errorCode)
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'])('compression.type=%s packs them anew', async (codec) => {
    await create('packed', { 'compression.type': codec })
    const values = Array.from({ length: 200 }, (_, index) => `value ${index % 7}`)
    const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    const compression = codec === 'gzip' ? CompressionTypes.None : CompressionTypes.GZIP
    await producer.send({ topic: 'packed', compression, messages: values.map((value) => ({ value })) })
    await producer.disconnect()
    const batch = await firstBatch('packed')
    expect(batch.codecId).toBe(['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'].indexOf(codec))
    if (codec === 'uncompressed' || codec === 'gzip') expect(await valuesOf('packed')).toEqual(values)
    expect(await alter('packed', 'compression.type', SET, 'uncompressed')).toMatchObject({ errorCode: ERROR.NONE })
    // What was packed by the broker comes in again as if a client had packed it so, and is unpacked.
    await append('packed', Buffer.from(batch.buffer))
    if (codec === 'gzip') expect(await valuesOf('packed')).toEqual([...values, ...values])
    await expectSecondHalf(values)
  })

  test('max.message.bytes holds for what they are packed into, too', async () => {
    await create('small', { 'compression.type': 'uncompressed', 'max.message.bytes': '2000' })
    const packed = (bytes: number) => {
      const pack = (records: Buffer) => compress('gzip', records)
      return batchOf(['x'.repeat(bytes)], { codec: 'gzip', compress: pack })
    }
    expect(packed(5000).length).toBeLessThan(500)
    expect(await append('small', packed(5000))).toMatchObject({ errorCode: ERROR.MESSAGE_TOO_LARGE, baseOffset: -1 })
    expect(await append('small', packed(1900))).toMatchObject({ errorCode: ERROR.NONE, baseOffset: 0 })
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'a bomb of %s is refused where it is unpacked',
    async (codec) => {
      const compression = codec === 'gzip' ? 'zstd' : 'gzip'
      await create('shelter', { 'compression.type': compression, 'max.message.bytes': '20000000' })
      const bomb = compress(codec, Buffer.alloc(300 * 1024 * 1024), 1)
      const batch = batchOf(['x'], { codec, compress: () => bomb })
      expect(await append('shelter', batch)).toMatchObject({ errorCode: ERROR.MESSAGE_TOO_LARGE, baseOffset: -1 })
      expect(await append('shelter', batchOf(['x']))).toMatchObject({ errorCode: ERROR.NONE, baseOffset: 0 })
    },
  )

  test('cleanup.policy=compact takes none without a key', async () => {
    await create('keyed', { 'cleanup.policy': 'compact' })
    expect(await append('keyed', batchOf(['x']))).toMatchObject({ errorCode: ERROR.INVALID_RECORD })
  })

  async function expectSecondHalf(values: readonly string[]): Promise<void> {
    const partitions = [{ partition: 0, fetchOffset: values.length, partitionMaxBytes: 1 << 20 }]
    const { responses } = await client.ask(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 'packed', partitions }],
    })
    const records = responses[0]?.partitions[0]?.records ?? Buffer.alloc(0)
    expect(new BatchHeader().at(records, 0)).toMatchObject({ codecId: 0, recordsCount: values.length })
    expect(records.toString('latin1').match(/value \d/g)).toEqual(values)
  }

  async function valuesOf(topic: string): Promise<string[]> {
    const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    const [end] = await admin.fetchTopicOffsets(topic)
    await admin.disconnect()
    const values: string[] = []
    const consumer = kafka.consumer({ groupId: `reader-${topic}-${Math.random()}` })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const { promise, resolve } = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.push(String(message.value))
        if (message.offset === String(Number(end?.high) - 1)) resolve()
      },
    })
    await promise
    await consumer.disconnect()
    return values
  }
})

test('DescribeLogDirs tells how large partitions are', async () => {
  await create('large')
  await create('small')
  const batch = batchOf(['x'.repeat(1000)])
  await append('large', Buffer.from(batch))
  const { results } = await client.ask(describeLogDirs, 4, { topics: null })
  expect(results).toHaveLength(1)
  expect(results[0]).toMatchObject({ errorCode: ERROR.NONE, logDir: dataDir })
  expect(results[0]?.usableBytes).toBeGreaterThan(0)
  const sizes = results[0]?.topics.map(({ name, partitions }) => [name, partitions[0]?.partitionSize])
  expect(sizes).toEqual([
    ['large', batch.length],
    ['small', 0],
  ])
  const asked = [
    { topic: 'large', partitions: [0, 1] },
    { topic: 'absent', partitions: [0] },
  ]
  const some = await client.ask(describeLogDirs, 4, { topics: asked })
  expect(some.results[0]?.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['large', 1]])
})

test('asking for a topic makes it, unless the client or the broker says otherwise', async () => {
  const ask = async (allowAutoTopicCreation: boolean) => {
    const { topics } = await client.ask(metadata, 9, {
      topics: [{ name: 'wanted', topicId: ZERO_UUID }],
      allowAutoTopicCreation,
    })
    return topics[0]?.errorCode
  }
  expect(await ask(false)).toBe(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
  expect(await ask(true)).toBe(ERROR.NONE)
  client.close()
  await broker.close()
  broker = await Broker.start({ dataDir, config: { 'auto.create.topics.enable': 'false' } })
  client = await RawClient.connect(broker.address)
  expect(await ask(true)).toBe(ERROR.NONE)
  const { topics } = await client.ask(metadata, 9, {
    topics: [{ name: 'other', topicId: ZERO_UUID }],
    allowAutoTopicCreation: true,
  })
  expect(topics[0]?.errorCode).toBe(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
})
