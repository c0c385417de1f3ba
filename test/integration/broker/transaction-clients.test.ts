import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import {
  Consumer as OtherConsumer,
  Producer as OtherProducer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { type Admin, type Consumer, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

let dataDir: string
let broker: Broker
let kafka: Kafka
let admin: Admin
let input: string
let output: string
const opened: (Producer | Consumer)[] = []
const faults: unknown[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-transaction-clients-'))
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
beforeEach(async () => {
  input = `input-${randomUUID()}`
  output = `output-${randomUUID()}`
  const topics = [{ topic: input }, { topic: output, numPartitions: 2 }]
  await admin.createTopics({ topics })
})
afterEach(async () => {
  for (const client of opened.splice(0)) await client.disconnect()
})

async function producer(transactionalId: string): Promise<Producer> {
  const made = kafka.producer({
    transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 2, initialRetryTime: 20 },
  })
  opened.push(made)
  await made.connect()
  return made
}

/** What a kafkajs consumer is shown before a last, plain message: in each partition, in its order. */
async function visible(topic: string, options: { readUncommitted: boolean }): Promise<string[]> {
  const plain = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  opened.push(plain)
  await plain.connect()
  const end = `end ${randomUUID()}`
  const { length } = await admin.fetchTopicOffsets(topic)
  const ends = Array.from({ length }, (_, partition) => ({ partition, value: end }))
  await plain.send({ topic, messages: ends })
  const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 200, ...options })
  opened.push(consumer)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const seen: string[] = []
  let left = length
  const { promise, resolve } = Promise.withResolvers<void>()
  await consumer.run({
    eachMessage: async ({ message }) => {
      const value = String(message.value)
      if (value === end && --left === 0) resolve()
      if (!value.startsWith('end ')) seen.push(value)
    },
  })
  await promise
  return seen.sort()
}

const valued = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ value: `${prefix} ${index}`, partition: index % 2 }))
const valuesOf = (messages: readonly { value: string }[]) => messages.map(({ value }) => value).sort()

describe('kafkajs', () => {
  test('commits and aborts, and its consumers see what they should', async () => {
    const writer = await producer('kafkajs')
    for (const [prefix, commits] of [
      ['first', true],
      ['lost', false],
      ['second', true],
      ['gone', false],
    ] as const) {
      const transaction = await writer.transaction()
      await transaction.send({ topic: output, messages: valued(prefix, 4) })
      await transaction.send({ topic: output, messages: valued(`${prefix} more`, 2) })
      if (commits) await transaction.commit()
      else await transaction.abort()
    }
    const committed = ['first', 'second'].flatMap((prefix) => [...valued(prefix, 4), ...valued(`${prefix} more`, 2)])
    const aborted = ['lost', 'gone'].flatMap((prefix) => [...valued(prefix, 4), ...valued(`${prefix} more`, 2)])
    expect(await visible(output, { readUncommitted: false })).toEqual(valuesOf(committed))
    expect(await visible(output, { readUncommitted: true })).toEqual(valuesOf([...committed, ...aborted]))
  })

  test('commits the offsets of what it has read together with what it makes of it', async () => {
    const groupId = `group-${randomUUID()}`
    const writer = await producer('transform')
    const topics = [{ topic: input, partitions: [{ partition: 0, offset: '3' }] }]
    const offsetOf = async () => (await admin.fetchOffsets({ groupId, topics: [input] }))[0]?.partitions[0]?.offset
    const given = await writer.transaction()
    await given.send({ topic: output, messages: [{ value: 'dropped' }] })
    await given.sendOffsets({ consumerGroupId: groupId, topics })
    expect(await offsetOf()).toBe('-1')
    await given.abort()
    expect(await offsetOf()).toBe('-1')
    const taken = await writer.transaction()
    await taken.send({ topic: output, messages: [{ value: 'made' }] })
    await taken.sendOffsets({ consumerGroupId: groupId, topics })
    await taken.commit()
    expect(await offsetOf()).toBe('3')
    expect(await visible(output, { readUncommitted: false })).toEqual(['made'])
  })

  test('is fenced by a second producer with its transactional id, which goes on', async () => {
    const first = await producer('shared')
    const open = await first.transaction()
    await open.send({ topic: output, messages: [{ value: 'of the first' }] })
    const next = await (await producer('shared')).transaction()
    await expect(open.send({ topic: output, messages: [{ value: 'too late' }] })).rejects.toThrow(/epoch/)
    await expect(open.commit()).rejects.toThrow(/epoch/)
    await next.send({ topic: output, messages: [{ value: 'of the second' }] })
    await next.commit()
    expect(await visible(output, { readUncommitted: false })).toEqual(['of the second'])
  })
})

describe('@platformatic/kafka', () => {
  test('commits records and offsets, and aborts', async () => {
    const connection = { clientId: 'test', bootstrapBrokers: [broker.address] }
    const plain = await producer('feeder')
    await plain.send({ topic: input, messages: valued('in', 3).map(({ value }) => ({ value })) })
    const groupId = `group-${randomUUID()}`
    const consumer = new OtherConsumer({ ...connection, groupId, deserializers: stringDeserializers })
    const writer = new OtherProducer({
      ...connection,
      serializers: stringSerializers,
      idempotent: true,
      transactionalId: 'other',
    })
    const stream = await consumer.consume({ topics: [input], mode: 'earliest', autocommit: false, isolationLevel: 1 })
    let count = 0
    for await (const message of stream) {
      const transaction = await writer.beginTransaction()
      await transaction.addConsumer(consumer)
      await transaction.send({ messages: [{ topic: output, value: `out of ${message.value}` }] })
      await transaction.addOffset(message)
      if (message.value === 'in 1') await transaction.abort()
      else await transaction.commit()
      if (++count === 3) break
    }
    await consumer.close(true)
    await writer.close()
    expect(await visible(output, { readUncommitted: false })).toEqual(['out of in 0', 'out of in 2'])
    const [committed] = await admin.fetchOffsets({ groupId, topics: [input] })
    expect(committed?.partitions[0]?.offset).toBe('3')
  })
})
