import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { Positions, Source } from '@headrace/core'
import { describeSource, SourceReader, type SourceRecord } from '@headrace/core/testing'
import { CompressionTypes } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { BrokerProcess } from '../support/broker-process.ts'
import { KafkaPlaces } from './support/kafka-places.ts'
import { kafkaScene } from './support/kafka-scene.ts'

const { places, folder, closing } = await kafkaScene()

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

describe('transactions', () => {
  test('aborted and open ones are left out, in every codec; committed ones come when they are', async () => {
    const topic = await places.topic(1)
    const producer = places.kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    closing.push({ close: () => producer.disconnect() })
    const expected: string[] = []
    for (const codec of ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const) {
      for (const outcome of ['abort', 'commit'] as const) {
        const transaction = await producer.transaction()
        const messages = [1, 2, 3].map((n) => ({ value: `${codec} ${outcome} ${n}` }))
        await transaction.send({ topic, messages, compression: CompressionTypes[codec] })
        await transaction[outcome]()
        if (outcome === 'commit') expected.push(...messages.map(({ value }) => value))
      }
      await places.write(topic, 0, texts(`${codec} outside`))
      expected.push(`${codec} outside`)
    }
    const open = await producer.transaction()
    await open.send({ topic, messages: [{ value: 'open' }] })
    await places.write(topic, 0, texts('behind the open one'))
    const name = `${topic}/0`
    const reader = await reading(places.source({ topic }))
    await reader.untilAtEnd([name])
    const values = () => reader.of(name).map(({ value }) => value)
    expect(values()).toEqual(expected)
    expect(reader.positions.get(name)).toEqual((await reader.source.ends()).get(name))
    const everything = await reading(places.source({ topic, isolation: 'readUncommitted' }))
    await everything.untilRecords(expected.length + 15 + 2)
    await open.commit()
    await reader.untilRecords(expected.length + 2)
    expect(values()).toEqual([...expected, 'open', 'behind the open one'])
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

  test('a partition that does not exist: KAFKA_PARTITION_MISSING', async () => {
    const topic = await places.topic(2)
    const reader = await reading(places.source({ topic, start: { offsets: { '7': 1 } } }))
    await expect(reader.next()).rejects.toMatchObject({ code: 'KAFKA_PARTITION_MISSING', retry: 'never' })
  })
})

describe('several topics', () => {
  const soon = { metadataMaxAge: '50 ms' }

  test('by list: all their partitions, each with its own name', async () => {
    const [a, b] = [await places.topic(2), await places.topic(1)]
    await places.write(a, 1, texts('a1'))
    await places.write(b, 0, texts('b0'))
    const reader = await reading(places.source({ topic: [a, b] }))
    await reader.untilAtEnd([`${a}/0`, `${a}/1`, `${b}/0`])
    expect(reader.of(`${a}/1`).map(({ value }) => value)).toEqual(['a1'])
    expect(reader.of(`${b}/0`).map(({ value }) => value)).toEqual(['b0'])
    expect([...(await reader.source.ends()).keys()].sort()).toEqual([`${a}/0`, `${a}/1`, `${b}/0`].sort())
  })

  test('by pattern: new topics and partitions are found while it runs, and read from their first record', async () => {
    const kind = `k-${randomUUID()}`
    const first = await places.topic(1, `${kind}-1`)
    const other = await places.topic(1, `x-${kind}-1`)
    await places.write(other, 0, texts('not this one'))
    const topics = { pattern: `${kind}-[0-9]+` }
    const reader = await reading(places.source({ topics, start: 'latest', ...soon }))
    await reader.untilAtEnd([`${first}/0`])
    const second = await places.topic(1, `${kind}-2`)
    await places.write(second, 0, texts('2'))
    // kafkajs loses what it is given for a partition that it has not heard of: this is the first it writes to this topic.
    await places.growTopic(first, 2)
    await places.write(first, 1, texts('3'))
    await reader.untilRecords(2)
    expect([...reader.records.keys()].sort()).toEqual([`${first}/1`, `${second}/0`])
    await reader.close()
    const third = await places.topic(1, `${kind}-3`)
    await places.write(third, 0, texts('4'))
    const resumed = await reading(places.source({ topics, start: 'latest' }), reader.positions)
    await resumed.untilRecords(1)
    expect([...resumed.records.keys()]).toEqual([`${third}/0`])
    expect(places.logged.splice(0).every(({ level }) => level === 'info')).toBe(true)
  })

  test('no topic matches yet: it waits for one', async () => {
    const kind = `k-${randomUUID()}`
    const reader = await reading(places.source({ topics: { pattern: `${kind}.*` }, ...soon }))
    const topic = await places.topic(1, `${kind}1`)
    await places.write(topic, 0, texts('a'))
    await reader.untilRecords(1)
    expect(reader.events[0]).toEqual({ assigned: [] })
    expect(places.logged.splice(0)).toMatchObject([
      { level: 'warn', message: expect.stringContaining(`there are no topics that match ${kind}.* yet`) },
      { level: 'info', message: `new: ${topic}/0` },
    ])
  })
})

describe('a topic that goes away', () => {
  const remake = async (topic: string) => {
    await places.admin.deleteTopics({ topics: [topic] })
    await places.createTopic(topic, 1)
  }

  test('deleted while it is read: KAFKA_TOPIC_DELETED', async () => {
    const topic = await places.topic(1)
    const reader = await reading(places.source({ topic }))
    await reader.untilAtEnd([`${topic}/0`])
    const failing = reader.until(() => false)
    await Promise.all([
      places.admin.deleteTopics({ topics: [topic] }),
      expect(failing).rejects.toMatchObject({ code: 'KAFKA_TOPIC_DELETED', retry: 'never' }),
    ])
  })

  test('of those that match a pattern: it is given up, the others are read on', async () => {
    const kind = `k-${randomUUID()}`
    const [gone, stays] = [await places.topic(1, `${kind}-1`), await places.topic(1, `${kind}-2`)]
    const reader = await reading(places.source({ topics: { pattern: `${kind}.*` } }))
    await reader.untilAtEnd([`${gone}/0`, `${stays}/0`])
    await places.admin.deleteTopics({ topics: [gone] })
    const event = await reader.until((one) => 'revoked' in one)
    expect(event).toMatchObject({ revoked: [`${gone}/0`] })
    await places.write(stays, 0, texts('on'))
    await reader.untilRecords(1)
    expect(places.logged.splice(0)).toMatchObject([{ level: 'warn', code: 'KAFKA_TOPIC_DELETED' }])
  })

  test('made again under its name, before it is read or while it is: KAFKA_TOPIC_RECREATED', async () => {
    const topic = await places.topic(1)
    await places.write(topic, 0, texts('a', 'b'))
    const reader = await reading(places.source({ topic }))
    await reader.untilRecords(2)
    await reader.close()
    await remake(topic)
    const again = await reading(places.source({ topic }), reader.positions)
    await expect(again.next()).rejects.toMatchObject({ code: 'KAFKA_TOPIC_RECREATED', retry: 'never' })
    const running = await reading(places.source({ topic }))
    await running.untilAtEnd([`${topic}/0`])
    // The broker may be asked between the two, when the topic is gone.
    const failing = expect(running.until(() => false)).rejects.toMatchObject({
      code: expect.stringMatching(/^KAFKA_TOPIC_(RECREATED|DELETED)$/),
    })
    await remake(topic)
    await failing
  })
})

describe('a topic of a pattern that was made again', () => {
  /** Made, written and read; then made again with other records. */
  async function remade(write: boolean) {
    const kind = `k-${randomUUID()}`
    const [again, stays] = [await places.topic(1, `${kind}-1`), await places.topic(1, `${kind}-2`)]
    await places.write(again, 0, texts('old 0', 'old 1', 'old 2'))
    const topics = { pattern: `${kind}.*` }
    const make = async () => {
      await places.admin.deleteTopics({ topics: [again] })
      await places.createTopic(again, 1)
      if (write) await places.write(again, 0, texts('new 0', 'new 1'))
    }
    return { again: `${again}/0`, stays: `${stays}/0`, topics, make }
  }
  const values = (reader: SourceReader, name: string) => reader.of(name).map(({ value }) => value)
  const told = () => places.logged.splice(0).filter(({ code }) => code === 'KAFKA_TOPIC_RECREATED')

  test('before it is read: from its first record, though it starts at the latest', async () => {
    const { again, stays, topics, make } = await remade(true)
    const reader = await reading(places.source({ topics }))
    await reader.untilAtEnd([again, stays])
    await reader.close()
    await make()
    const next = await reading(places.source({ topics, start: 'latest' }), reader.positions)
    await next.untilRecords(2)
    expect(values(next, again)).toEqual(['new 0', 'new 1'])
    expect(next.positions.get(again)).toEqual((await next.source.ends()).get(again))
    expect(told()).toHaveLength(1)
  })

  // Seen by who fetches, by a look at the topics, or by both at a time, in whichever order.
  test('while it is read: once', async () => {
    const { again, stays, topics, make } = await remade(true)
    const reader = await reading(places.source({ topics, metadataMaxAge: '5 ms' }))
    await reader.untilAtEnd([again, stays])
    const reached = reader.untilRecords(5)
    await make()
    await reached
    await reader.untilAtEnd([again, stays])
    expect(values(reader, again)).toEqual(['old 0', 'old 1', 'old 2', 'new 0', 'new 1'])
    expect(reader.positions.get(again)).toEqual((await reader.source.ends()).get(again))
    expect(reader.events.filter((event) => 'revoked' in event)).toHaveLength(1)
    places.logged.length = 0
  })

  test('and is empty: the state says so', async () => {
    const { again, stays, topics, make } = await remade(false)
    const reader = await reading(places.source({ topics }))
    await reader.untilAtEnd([again, stays])
    await reader.close()
    await make()
    const next = await reading(places.source({ topics }), reader.positions)
    await next.untilAtEnd([again])
    const { topicId: id } = (await next.source.ends()).get(again) as { topicId: string }
    expect(next.positions.get(again)).toEqual({ offset: 0, topicId: id })
    places.logged.length = 0
  })
})

describe('offsets that are gone', () => {
  async function shortened(): Promise<string> {
    const topic = await places.topic(1)
    await places.write(topic, 0, texts('a', 'b', 'c', 'd', 'e'))
    await places.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] })
    return topic
  }
  const at = (offset: number) => ({ start: { offsets: { '0': offset } } })

  test('deleted before they were read: KAFKA_OFFSET_GONE says which and how many', async () => {
    const topic = await shortened()
    const reader = await reading(places.source({ topic, ...at(1) }))
    await expect(reader.untilRecords(1)).rejects.toMatchObject({
      code: 'KAFKA_OFFSET_GONE',
      retry: 'never',
      message: `2 records of ${topic}/0 are gone before being read: offset 1 is wanted, the partition holds 3 up to 5 (exclusive)`,
    })
    const earliest = await reading(places.source({ topic }))
    await earliest.untilRecords(2)
    expect(earliest.of(`${topic}/0`).map(({ ordinal }) => ordinal)).toEqual([3, 4])
  })

  test.each([
    ['earliest', 2, [3, 4, 5]],
    ['latest', 4, [5]],
  ] as const)('offsetReset: %s goes on, and counts what it passes over', async (offsetReset, records, ordinals) => {
    const topic = await shortened()
    const reader = await reading(places.source({ topic, offsetReset, ...at(1) }))
    const event = await reader.until((one) => 'skipped' in one)
    expect(event).toMatchObject({ skipped: `${topic}/0`, records })
    expect(places.logged.splice(0)).toMatchObject([{ level: 'warn', code: 'KAFKA_OFFSET_GONE' }])
    await places.write(topic, 0, texts('f'))
    await reader.untilRecords(ordinals.length)
    expect(reader.of(`${topic}/0`).map(({ ordinal }) => ordinal)).toEqual(ordinals)
  })

  test('beyond the end: KAFKA_OFFSET_OUT_OF_RANGE, or on from the end', async () => {
    const topic = await shortened()
    const reader = await reading(places.source({ topic, ...at(9) }))
    await expect(reader.untilRecords(1)).rejects.toMatchObject({ code: 'KAFKA_OFFSET_OUT_OF_RANGE' })
    const reset = await reading(places.source({ topic, offsetReset: 'earliest', ...at(9) }))
    await reset.until((one) => 'skipped' in one)
    await places.write(topic, 0, texts('f'))
    await reset.untilRecords(1)
    expect(reset.of(`${topic}/0`).map(({ ordinal }) => ordinal)).toEqual([5])
    expect(places.logged.splice(0)).toHaveLength(1)
  })

  test('a log that was truncated behind what was read: KAFKA_LOG_TRUNCATED, or on from where it parts', async () => {
    const topic = await places.topic(1)
    await places.write(topic, 0, texts('a', 'b', 'c'))
    const reader = await reading(places.source({ topic }))
    await reader.untilRecords(3)
    const [[name = '', position] = []] = reader.positions
    expect(position).toMatchObject({ offset: 3, leaderEpoch: 0 })
    const lost = new Map([[name, { ...(position as object), offset: 7 }]])
    const truncated = await reading(places.source({ topic }), lost)
    await expect(truncated.next()).rejects.toMatchObject({ code: 'KAFKA_LOG_TRUNCATED', retry: 'never' })
    const unknown = new Map([[name, { ...(position as object), leaderEpoch: 6 }]])
    await expect((await reading(places.source({ topic }), unknown)).next()).rejects.toMatchObject({
      code: 'KAFKA_LOG_TRUNCATED',
    })
    const parted = await reading(places.source({ topic, offsetReset: 'latest' }), lost)
    await parted.until((one) => 'skipped' in one)
    await places.write(topic, 0, texts('d'))
    await parted.untilRecords(1)
    expect(parted.of(name).map(({ ordinal }) => ordinal)).toEqual([3])
    expect(places.logged.splice(0)).toMatchObject([{ code: 'KAFKA_LOG_TRUNCATED' }])
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

  test('and comes back while it is read: reading goes on where it stopped', async () => {
    const first = await ownBroker()
    const own = await KafkaPlaces.open(first.address)
    closing.push(own)
    const topic = await own.topic(2)
    await own.write(topic, 0, texts('a', 'b'))
    const reader = await reading(own.source({ topic }))
    await reader.untilAtEnd([`${topic}/0`, `${topic}/1`])
    await first.stop()
    const reached = reader.untilRecords(3)
    await ownBroker(first.port)
    await own.write(topic, 0, texts('c'))
    await reached
    expect(reader.of(`${topic}/0`).map(({ ordinal, value }) => [ordinal, value])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ])
    expect(own.logged).toContainEqual(expect.objectContaining({ level: 'warn', code: 'KAFKA_UNREACHABLE' }))
  })

  test('for long: KAFKA_UNREACHABLE; a new source goes on where the last one stopped', async () => {
    const own = await ownBroker()
    const { port } = own
    const places = await KafkaPlaces.open(own.address)
    closing.push(places)
    const topic = await places.topic(1)
    await places.write(topic, 0, texts('a', 'b'))
    const reader = await reading(places.source({ topic }))
    await reader.untilRecords(2)
    const failing = reader.until(() => false)
    await Promise.all([
      own.kill(),
      expect(failing).rejects.toMatchObject({
        code: 'KAFKA_UNREACHABLE',
        retry: 'backoff',
        message: expect.stringContaining(`cannot reach Kafka at 127.0.0.1:${port}`),
      }),
    ])
    await expect(connecting(places.source({ topic }))).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' })
    await ownBroker(port)
    await places.write(topic, 0, texts('c'))
    const next = await reading(places.source({ topic }), reader.positions)
    await next.untilRecords(1)
    expect(next.of(`${topic}/0`).map(({ ordinal, value }) => [ordinal, value])).toEqual([[2, 'c']])
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
