import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  type Admin,
  CompressionTypes,
  ConfigResourceTypes,
  type Consumer,
  Kafka,
  type KafkaMessage,
  logLevel,
  Partitioners,
  type Producer,
  type ProducerConfig,
} from 'kafkajs'
import { makeTopic } from '../../../support/make-topic.ts'
import type { Feature } from '../features.ts'
import { until } from './until.ts'

const MESSAGES = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix} ${i}`)

/** What kafkajs must be able to do. */
export function kafkajsChecks(address: string): Partial<Record<Feature, () => Promise<void>>> {
  const kafka = new Kafka({ brokers: [address], clientId: 'checks', logLevel: logLevel.NOTHING })
  let admin: Admin
  // Consumers of a check that failed are closed with it.
  const opened: (Consumer | Producer)[] = []

  async function newTopic(numPartitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = `kafkajs-${randomUUID()}`
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await makeTopic(admin, { topic, numPartitions, configEntries })
    return topic
  }
  async function producer(options: ProducerConfig = {}): Promise<Producer> {
    const made = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options })
    opened.push(made)
    await made.connect()
    return made
  }
  async function send(topic: string, values: readonly string[], compression = CompressionTypes.None, acks = -1) {
    await (await producer()).send({ topic, compression, acks, messages: values.map((value) => ({ value })) })
  }
  async function member(groupId: string, topic: string, readUncommitted = false) {
    const consumer = kafka.consumer({
      groupId,
      readUncommitted,
      sessionTimeout: 10_000,
      heartbeatInterval: 100,
      maxWaitTimeInMs: 100,
    })
    opened.push(consumer)
    const values: string[] = []
    let owned: number[] = []
    consumer.on('consumer.group_join', ({ payload }) => {
      owned = payload.memberAssignment[topic] ?? []
    })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ message }) => void values.push(String(message.value)),
    })
    return { consumer, values, owned: () => owned }
  }
  const read = async (topic: string, count: number, groupId: string = randomUUID()): Promise<string[]> => {
    const { consumer, values } = await member(groupId, topic)
    await until(`${count} records of ${topic}`, () => values.length >= count)
    await consumer.disconnect()
    return values
  }
  async function reader(topic: string, options: object, each: (message: KafkaMessage) => unknown): Promise<Consumer> {
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100, ...options })
    opened.push(consumer)
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void each(message) })
    return consumer
  }
  const within = (check: () => Promise<void>) => async () => {
    admin = kafka.admin()
    await admin.connect()
    try {
      await check()
    } finally {
      for (const client of opened.splice(0)) await client.disconnect()
      await admin.disconnect()
    }
  }

  const checks: Partial<Record<Feature, () => Promise<void>>> = {
    topics: async () => {
      const topic = await newTopic(3)
      equal(await admin.createTopics({ topics: [{ topic }] }), false)
      ok((await admin.listTopics()).includes(topic))
      equal((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length, 3)
      await admin.deleteTopics({ topics: [topic] })
      await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic))
    },
    partitions: async () => {
      const topic = await newTopic(2)
      await rejects(admin.createPartitions({ topicPartitions: [{ topic, count: 1 }] }))
      await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
      await until(
        '5 partitions',
        async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length === 5,
      )
    },
    autoCreate: async () => {
      const topic = `kafkajs-${randomUUID()}`
      await send(topic, ['v'])
      deepEqual(await read(topic, 1), ['v'])
    },
    configs: async () => {
      const name = await newTopic(1, { 'segment.bytes': '1048576' })
      const configOf = async (config: string) => {
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: ConfigResourceTypes.TOPIC, name }],
        })
        return resources[0]?.configEntries.find(({ configName }) => configName === config)?.configValue
      }
      const alter = (config: string, value: string) =>
        admin.alterConfigs({
          validateOnly: false,
          resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries: [{ name: config, value }] }],
        })
      equal(await configOf('segment.bytes'), '1048576')
      await alter('max.message.bytes', '1000')
      await until('the change is seen', async () => (await configOf('max.message.bytes')) === '1000')
      await rejects(
        (await producer({ retry: { retries: 0 } })).send({ topic: name, messages: [{ value: 'x'.repeat(5000) }] }),
      )
      await rejects(alter('retention.ms', 'soon'))
    },
    cluster: async () => {
      const { brokers, controller, clusterId } = await admin.describeCluster()
      deepEqual(
        brokers.map(({ host, port }) => `${host}:${port}`),
        [address],
      )
      equal(brokers[0]?.nodeId, controller)
      ok(clusterId.length > 10)
    },
    deleteRecords: async () => {
      const topic = await newTopic()
      await send(topic, MESSAGES('v', 10))
      // It deletes only where it has seen the leader before.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] })
      deepEqual(await admin.fetchTopicOffsets(topic), [{ partition: 0, offset: '10', high: '10', low: '7' }])
      deepEqual(await read(topic, 3), ['v 7', 'v 8', 'v 9'])
    },
    offsets: async () => {
      const topic = await newTopic()
      const writer = await producer()
      for (let i = 0; i < 10; i++)
        await writer.send({ topic, messages: [{ value: `${i}`, timestamp: `${1000 + i * 10}` }] })
      const at = async (time: number) => (await admin.fetchTopicOffsetsByTimestamp(topic, time))[0]?.offset
      deepEqual([await at(0), await at(1045)], ['0', '5'])
    },
    groupAdmin: async () => {
      const topic = await newTopic()
      const groupId = randomUUID()
      await send(topic, MESSAGES('v', 3))
      const { consumer, values } = await member(groupId, topic)
      await until('all are read', () => values.length === 3)
      const described = (await admin.describeGroups([groupId])).groups[0]
      deepEqual([described?.state, described?.members.length], ['Stable', 1])
      await rejects(admin.deleteGroups([groupId]))
      await consumer.disconnect()
      await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] })
      equal((await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset, '1')
      ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId))
      await admin.deleteGroups([groupId])
      ok(!(await admin.listGroups()).groups.some((group) => group.groupId === groupId))
    },
    records: async () => {
      const topic = await newTopic()
      const headers = { trace: 'abc' }
      await (await producer()).send({
        topic,
        messages: [
          { key: 'k', value: 'v', headers, timestamp: '1700000000000' },
          { key: null, value: null },
        ],
      })
      const consumer = kafka.consumer({ groupId: randomUUID() })
      opened.push(consumer)
      const seen: unknown[] = []
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message: { key, value, headers, timestamp } }) =>
          void seen.push([key && `${key}`, value && `${value}`, `${headers?.trace}`, timestamp.slice(0, 3)]),
      })
      await until('both are read', () => seen.length === 2)
      deepEqual(seen[0], ['k', 'v', 'abc', '170'])
      deepEqual((seen[1] as unknown[]).slice(0, 3), [null, null, 'undefined'])
    },
    appendTime: async () => {
      const topic = await newTopic(1, { 'message.timestamp.type': 'LogAppendTime' })
      const before = Date.now()
      await (await producer()).send({ topic, messages: [{ value: 'v', timestamp: '1000' }] })
      const times: number[] = []
      await reader(topic, {}, (message) => times.push(Number(message.timestamp)))
      await until('it is read', () => times.length === 1)
      ok(times.every((time) => time >= before))
    },
    longPoll: async () => {
      const topic = await newTopic()
      await send(topic, ['first'])
      const seen: string[] = []
      await reader(topic, { maxWaitTimeInMs: 3000 }, ({ value }) => seen.push(String(value)))
      await until('the first is read', () => seen.length === 1)
      const start = Date.now()
      await send(topic, ['second'])
      await until('the second is read', () => seen.length === 2)
      ok(Date.now() - start < 2500)
    },
    startAt: async () => {
      const topic = await newTopic()
      await send(topic, MESSAGES('v', 10))
      const seen: string[] = []
      const consumer = await reader(topic, {}, ({ value }) => seen.push(String(value)))
      await until('all are read', () => seen.length === 10)
      consumer.seek({ topic, partition: 0, offset: '7' })
      await until('some are read again', () => seen.length === 13)
      deepEqual(seen.slice(10), ['v 7', 'v 8', 'v 9'])
    },
    large: async () => {
      const topic = await newTopic()
      const sent = ['x'.repeat(500_000), 'small']
      for (const value of sent) await send(topic, [value])
      const seen: string[] = []
      await reader(topic, { maxBytes: 1000, maxBytesPerPartition: 1000 }, ({ value }) => seen.push(String(value)))
      await until('both are read', () => seen.length === 2)
      deepEqual(seen, sent)
    },
    fencing: async () => {
      const topic = await newTopic()
      const transactionalId = randomUUID()
      const transactional = () =>
        producer({ transactionalId, maxInFlightRequests: 1, idempotent: true, retry: { retries: 1 } })
      const first = await (await transactional()).transaction()
      await first.send({ topic, messages: [{ value: 'first' }] })
      const second = await (await transactional()).transaction()
      await second.send({ topic, messages: [{ value: 'second' }] })
      await second.commit()
      await rejects(first.commit())
      deepEqual(await read(topic, 1), ['second'])
    },
    codecs: async () => {
      const topic = await newTopic()
      const expected: string[] = []
      for (const codec of ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const) {
        const values = MESSAGES(`${codec} ${'x'.repeat(100)}`, 200)
        await send(topic, values, CompressionTypes[codec])
        expected.push(...values)
      }
      deepEqual(await read(topic, expected.length), expected)
    },
    acks: async () => {
      const topic = await newTopic()
      for (const acks of [0, 1, -1]) await send(topic, MESSAGES(`acks ${acks}`, 20), CompressionTypes.None, acks)
      equal((await read(topic, 60)).length, 60)
    },
    idempotent: async () => {
      const topic = await newTopic()
      const writer = await producer({ idempotent: true })
      for (let round = 0; round < 20; round++)
        await writer.send({ topic, messages: MESSAGES(`${round}`, 50).map((value) => ({ value })) })
      equal((await admin.fetchTopicOffsets(topic))[0]?.high, '1000')
    },
    group: async () => {
      const topic = await newTopic(6)
      const groupId = randomUUID()
      const members = await Promise.all([1, 2, 3].map(() => member(groupId, topic)))
      const shared = (among: typeof members, each: number) => {
        const owned = among.map((one) => one.owned())
        return owned.every((one) => one.length === each) && new Set(owned.flat()).size === each * among.length
      }
      await until('two partitions each', () => shared(members, 2))
      await send(topic, MESSAGES('a', 60))
      // A member that leaves may not have committed the last of what it has read: that is read again.
      const seen = () => new Set(members.flatMap((one) => one.values)).size
      await until('all are read', () => seen() === 60)
      await members[0]?.consumer.disconnect()
      await until('three partitions each', () => shared(members.slice(1), 3))
      await send(topic, MESSAGES('b', 60))
      await until('all are read', () => seen() === 120)
    },
    resume: async () => {
      const topic = await newTopic()
      const groupId = randomUUID()
      for (const round of ['early', 'late']) {
        await send(topic, MESSAGES(round, 5))
        deepEqual(await read(topic, 5, groupId), MESSAGES(round, 5))
      }
    },
    transactions: async () => {
      const topic = await newTopic()
      const writer = await producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true })
      for (const [prefix, commits] of [
        ['a', true],
        ['b', false],
        ['c', true],
      ] as const) {
        const transaction = await writer.transaction()
        await transaction.send({ topic, messages: MESSAGES(prefix, 3).map((value) => ({ value })) })
        await (commits ? transaction.commit() : transaction.abort())
      }
      deepEqual(await read(topic, 6), [...MESSAGES('a', 3), ...MESSAGES('c', 3)])
      const { values } = await member(randomUUID(), topic, true)
      await until('read_uncommitted sees all', () => values.length === 9)
    },
    transactionOffsets: async () => {
      const topic = await newTopic()
      const groupId = randomUUID()
      await send(topic, MESSAGES('v', 10))
      for (const [offset, commits, committed] of [
        ['5', false, '-1'],
        ['8', true, '8'],
      ] as const) {
        // It does not wait for the end of an earlier transaction when offsets are the first thing in the next one.
        const writer = await producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true })
        const transaction = await writer.transaction()
        const partitions = [{ partition: 0, offset }]
        await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions }] })
        await (commits ? transaction.commit() : transaction.abort())
        await until(`the offset is ${committed}`, async () => {
          const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] })
          return answer?.partitions[0]?.offset === committed
        })
      }
    },
  }
  return Object.fromEntries(Object.entries(checks).map(([feature, check]) => [feature, within(check)]))
}
