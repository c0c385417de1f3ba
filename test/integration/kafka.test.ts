import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Positions, Source } from '@headrace/core'
import { describeSource, SourceReader, type SourceRecord } from '@headrace/core/testing'
import { CompressionTypes } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { BrokerProcess } from '../support/broker-process.ts'
import { KafkaPlaces } from './support/kafka-places.ts'
import { type KafkaUnderTest, startKafka } from './support/kafka-under-test.ts'

let kafka: KafkaUnderTest | undefined
let places: KafkaPlaces
let folder: string
const closing: { close(): Promise<void> }[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-kafka-'))
  kafka = await startKafka(folder)
  places = await KafkaPlaces.open(kafka.address)
})
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})
afterAll(async () => {
  await places?.close()
  await kafka?.stop()
  await rm(folder, { recursive: true, force: true })
})

describeSource('kafka', { place: (partitions) => places.place(partitions) })

const texts = (...values: string[]): SourceRecord[] =>
  values.map((value, i) => ({ value: Buffer.from(value), timestamp: 1_700_000_000_000 + i }))

async function reading(source: Source, from: Positions = new Map()): Promise<SourceReader> {
  const reader = new SourceReader(source)
  closing.push(reader)
  return reader.begin(from)
}

function connecting(source: Source): Promise<void> {
  closing.push(source)
  return source.connect(new AbortController().signal)
}

describe('codecs', () => {
  test.each(['GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const)('%s', async (codec) => {
    const topic = await places.topic(1)
    const values = Array.from({ length: 3000 }, (_, i) => `{"n":${i},"text":"${'x'.repeat(i % 90)}"}`)
    await places.write(topic, 0, texts(...values), CompressionTypes[codec])
    const reader = await reading(places.source({ topic }))
    await reader.untilRecords(values.length)
    expect(reader.of(`${topic}/0`).map(({ value }) => value)).toEqual(values)
  })
})

describe('where it starts', () => {
  test('at the offsets given; a partition that is not named, at its first record', async () => {
    const topic = await places.topic(2)
    for (const partition of [0, 1]) await places.write(topic, partition, texts('a', 'b', 'c'))
    const reader = await reading(places.source({ topic, start: { offsets: { '1': 2 } } }))
    await reader.untilRecords(4)
    await reader.untilAtEnd([`${topic}/0`, `${topic}/1`])
    expect(reader.of(`${topic}/0`).map(({ ordinal, value }) => [ordinal, value])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ])
    expect(reader.of(`${topic}/1`).map(({ ordinal, value }) => [ordinal, value])).toEqual([[2, 'c']])
  })

  test('an offset that retention took: KAFKA_OFFSET_OUT_OF_RANGE says what there is', async () => {
    const topic = await places.topic(1)
    await places.write(topic, 0, texts('a', 'b', 'c', 'd'))
    await places.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] })
    const early = await reading(places.source({ topic, start: { offsets: { '0': 1 } } }))
    await expect(early.untilRecords(1)).rejects.toMatchObject({
      code: 'KAFKA_OFFSET_OUT_OF_RANGE',
      retry: 'never',
      message: `offset 1 of ${topic}/0 does not exist: the partition holds 3 up to 4 (exclusive)`,
      hint: expect.stringContaining('Records 1 to 2 were removed'),
    })
    const late = await reading(places.source({ topic, start: { offsets: { '0': 9 } } }))
    await expect(late.untilRecords(1)).rejects.toMatchObject({ code: 'KAFKA_OFFSET_OUT_OF_RANGE' })
    const earliest = await reading(places.source({ topic }))
    await earliest.untilRecords(1)
    expect(earliest.of(`${topic}/0`).map(({ ordinal }) => ordinal)).toEqual([3])
  })

  test('a partition that does not exist: KAFKA_PARTITION_MISSING', async () => {
    const topic = await places.topic(2)
    const reader = await reading(places.source({ topic, start: { offsets: { '7': 1 } } }))
    await expect(reader.next()).rejects.toMatchObject({ code: 'KAFKA_PARTITION_MISSING', retry: 'never' })
  })

  test('a topic that was made again under its name: KAFKA_TOPIC_RECREATED', async () => {
    const topic = await places.topic(1)
    await places.write(topic, 0, texts('a', 'b'))
    const reader = await reading(places.source({ topic }))
    await reader.untilRecords(2)
    await reader.close()
    await places.admin.deleteTopics({ topics: [topic] })
    await places.createTopic(topic, 1)
    const again = await reading(places.source({ topic }), reader.positions)
    await expect(again.next()).rejects.toMatchObject({ code: 'KAFKA_TOPIC_RECREATED', retry: 'never' })
  })
})

describe('what can be wrong', () => {
  test('no such topic: KAFKA_TOPIC_MISSING names similar ones, and none is made', async () => {
    const topic = await places.topic(1)
    const wrong = `${topic.slice(0, -1)}_`
    await expect(connecting(places.source({ topic: wrong }))).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
      retry: 'never',
      message: `topic "${wrong}" does not exist`,
      hint: expect.stringContaining(`Did you mean "${topic}"`),
    })
    expect(await places.admin.listTopics()).not.toContain(wrong)
    await expect(places.sink({ topic: wrong }).connect(new AbortController().signal)).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
    })
  })

  test('nobody listens: KAFKA_UNREACHABLE, to be tried again', async () => {
    const source = places.source({ topic: 'any' }, { connection: { bootstrap: ['127.0.0.1:1', 'localhost:2'] } })
    await expect(connecting(source)).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
      retry: 'backoff',
      message: expect.stringMatching(/^cannot reach Kafka at 127\.0\.0\.1:1,localhost:2: .*ECONNREFUSED/),
    })
  })
})

describe('acknowledge', () => {
  test('commits offsets for others to see, under the pipeline’s name', async () => {
    const topic = await places.topic(2)
    await places.write(topic, 0, texts('a', 'b', 'c'))
    const reader = await reading(places.source({ topic }))
    await reader.untilRecords(3)
    await reader.source.acknowledge(reader.positions)
    const [committed] = await places.admin.fetchOffsets({ groupId: 'headrace.conformance', topics: [topic] })
    expect(committed?.partitions.find(({ partition }) => partition === 0)?.offset).toBe('3')
    expect(places.logged).toEqual([])
  })
})

describe('a broker that goes away', () => {
  async function ownBroker(port = 0): Promise<BrokerProcess> {
    const data = join(folder, 'own')
    const started = await BrokerProcess.start(data, { port })
    closing.push({ close: () => started.kill() })
    return started
  }

  test('while it is read: KAFKA_UNREACHABLE; a new source goes on where the last one stopped', async () => {
    const first = await ownBroker()
    const own = await KafkaPlaces.open(first.address)
    closing.push(own)
    const topic = await own.topic(2)
    await own.write(topic, 0, texts('a', 'b'))
    const reader = await reading(own.source({ topic }))
    await reader.untilAtEnd([`${topic}/0`, `${topic}/1`])
    const failing = reader.until(() => false)
    await Promise.all([
      first.stop(),
      expect(failing).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE', retry: 'backoff' }),
    ])
    await expect(connecting(own.source({ topic }))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' })
    await ownBroker(first.port)
    await own.write(topic, 0, texts('c'))
    const next = await reading(own.source({ topic }), reader.positions)
    await next.untilRecords(1)
    expect(next.of(`${topic}/0`).map(({ ordinal, value }) => [ordinal, value])).toEqual([[2, 'c']])
  })

  test('a connection that is cut without a word', async () => {
    const own = await ownBroker()
    const { port } = own
    const places = await KafkaPlaces.open(own.address)
    closing.push(places)
    const topic = await places.topic(1)
    const reader = await reading(places.source({ topic }))
    await reader.untilAtEnd([`${topic}/0`])
    const failing = reader.until(() => false)
    await Promise.all([
      own.kill(),
      expect(failing).rejects.toMatchObject({
        code: 'KAFKA_UNREACHABLE',
        message: expect.stringContaining(`cannot reach Kafka at 127.0.0.1:${port}`),
      }),
    ])
  })

  test('what listens is not Kafka', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    closing.push({ close: async () => void server.close() })
    const bootstrap = `127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(connecting(places.source({ topic: 't' }, { connection: { bootstrap } }))).rejects.toMatchObject({
      code: 'KAFKA_AUTH_FAILED',
      message: expect.stringContaining('does not speak Kafka in plain text'),
    })
  })
})
