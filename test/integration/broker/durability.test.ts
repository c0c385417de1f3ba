import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Broker, DataDirLockedError, PortInUseError } from '@headrace/broker'
import { ERROR, metadata, offsetCommit, produce, ZERO_UUID } from '@headrace/broker/protocol'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { batchOf } from './batches.ts'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

let dataDir: string
const running: BrokerProcess[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-durability-'))
})

afterEach(async () => {
  for (const broker of running.splice(0)) await broker.end('SIGKILL')
  await rm(dataDir, { recursive: true, force: true })
})

async function start(...args: string[]): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start(dataDir, ...args)
  running.push(broker)
  return broker
}

function client(broker: BrokerProcess): Kafka {
  return new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
}

async function commit(broker: BrokerProcess, groupId: string, name: string, committedOffset: number): Promise<void> {
  const raw = await RawClient.connect(broker.address)
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: null }]
  const { topics } = await raw.ask(offsetCommit, 9, { groupId, topics: [{ name, partitions }] })
  expect(topics[0]?.partitions[0]?.errorCode).toBe(ERROR.NONE)
  raw.close()
}

/** Reads every value of a topic of one partition, from its beginning to its present end. */
async function valuesOf(kafka: Kafka, topic: string): Promise<string[]> {
  const admin = kafka.admin()
  await admin.connect()
  const [end] = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const values: string[] = []
  const consumer = kafka.consumer({ groupId: `reader-${Math.random()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const { promise, resolve } = Promise.withResolvers<void>()
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => {
      values.push(String(message.value))
      if (message.offset === String(Number(end?.high) - 1)) resolve()
    },
  })
  await promise
  await consumer.disconnect()
  return values
}

describe('after SIGKILL', () => {
  test('every acknowledged message, committed offset and topic is there', async () => {
    const first = await start('--partitions', '2')
    const before = client(first)
    const admin = before.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }, { topic: 'wide' }] })
    const { topics: described } = await admin.fetchTopicMetadata({ topics: ['wide'] })
    expect(described[0]?.partitions).toHaveLength(2)
    await commit(first, 'g', 'orders', 7)
    const producer = before.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const acknowledged: string[] = []
    let killed: Promise<unknown> | undefined
    for (let index = 0; killed === undefined || index < 40; index++) {
      await producer.send({ topic: 'orders', messages: [{ value: `order ${index}` }] })
      acknowledged.push(`order ${index}`)
      if (index === 39) killed = first.end('SIGKILL')
    }
    await killed
    await Promise.allSettled([producer.disconnect(), admin.disconnect()])

    const after = client(await start())
    expect(await valuesOf(after, 'orders')).toEqual(acknowledged)
    const again = after.admin()
    await again.connect()
    expect((await again.listTopics()).sort()).toEqual(['orders', 'wide'])
    expect(await again.fetchOffsets({ groupId: 'g', topics: ['orders'] })).toMatchObject([
      { partitions: [{ partition: 0, offset: '7' }] },
    ])
    await again.disconnect()
  })

  test('in the middle of deleting a topic, what groups committed for it is not for the next one of its name', async () => {
    const create = async (broker: BrokerProcess) => {
      const admin = client(broker).admin()
      await admin.connect()
      await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }] })
      const offsets = await admin.fetchOffsets({ groupId: 'g', topics: ['orders'] })
      await admin.disconnect()
      return offsets
    }
    const first = await start()
    await create(first)
    await commit(first, 'g', 'orders', 7)
    await first.end('SIGKILL')
    // What deleting a topic begins with; then it removes the records, which takes its time, and then the offsets.
    await writeFile(path.join(dataDir, 'topics.json'), '[]')
    expect(await create(await start())).toMatchObject([{ partitions: [{ partition: 0, offset: '-1' }] }])
  })

  test('an idempotent producer that goes on while the broker is killed leaves each message once', async () => {
    const first = await start()
    const kafka = new Kafka({
      brokers: [first.address],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 50, maxRetryTime: 200 },
    })
    const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const values = Array.from({ length: 60 }, (_, index) => `message ${index}`)
    let second: Promise<BrokerProcess> | undefined
    for (const [index, value] of values.entries()) {
      const sent = producer.send({ topic: 'once', messages: [{ value }] })
      if (index === 30) second = first.end('SIGKILL').then(() => start('--port', first.port))
      await sent
    }
    await producer.disconnect()
    await second
    expect(await valuesOf(kafka, 'once')).toEqual(values)
  })
})

describe('when the disk', () => {
  async function append(raw: RawClient, value: string): Promise<[errorCode: number, baseOffset: number]> {
    const topicData = [{ name: 'full', partitionData: [{ index: 0, records: batchOf([value]) }] }]
    const { responses } = await raw.ask(produce, 11, { acks: -1, timeoutMs: 1000, topicData })
    const [partition] = responses[0]?.partitionResponses ?? []
    return [partition?.errorCode ?? -1, partition?.baseOffset ?? -1]
  }

  test('is full, the producer is told, and what was acknowledged stays', async () => {
    const cramped = await BrokerProcess.startCramped(dataDir)
    running.push(cramped)
    const raw = await RawClient.connect(cramped.address)
    await raw.ask(metadata, 12, { topics: [{ name: 'full', topicId: ZERO_UUID }] })
    const kept: string[] = []
    const large = (index: number) => `${index} ${'x'.repeat(5000)}`
    for (;;) {
      const [errorCode, baseOffset] = await append(raw, large(kept.length))
      if (errorCode === ERROR.KAFKA_STORAGE_ERROR) break
      expect([errorCode, baseOffset]).toEqual([ERROR.NONE, kept.length])
      kept.push(large(kept.length))
    }
    expect(await append(raw, 'small')).toEqual([ERROR.NONE, kept.length])
    kept.push('small')
    raw.close()
    await cramped.end('SIGKILL')
    expect(await valuesOf(client(await start()), 'full')).toEqual(kept)
  })

  test('is to be waited for, it is', async () => {
    const careful = await start('--fsync', 'always')
    const raw = await RawClient.connect(careful.address)
    await raw.ask(metadata, 12, { topics: [{ name: 'full', topicId: ZERO_UUID }] })
    const appended = await Promise.all([append(raw, 'a'), append(await RawClient.connect(careful.address), 'b')])
    expect(appended.sort()).toEqual([
      [ERROR.NONE, 0],
      [ERROR.NONE, 1],
    ])
    raw.close()
    expect((await valuesOf(client(careful), 'full')).sort()).toEqual(['a', 'b'])
  })
})

describe('as a process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly on %s', async (signal) => {
    expect(await (await start()).end(signal)).toEqual([0, null])
  })

  test('ends when its parent is gone', async () => {
    expect(await (await start()).orphan()).toBe(0)
  })

  test('says in one line why it cannot start', async () => {
    await start()
    const main = fileURLToPath(import.meta.resolve('@headrace/broker/main'))
    const child = spawn(process.execPath, [main, '--data-dir', dataDir], { stdio: ['ignore', 'ignore', 'pipe'] })
    const [message, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(message).toMatch(/^BROKER_DATA_DIR_LOCKED: another broker \(process \d+\) is using the data folder .*\n$/)
    expect(code).toBe(1)
  })
})

describe('what keeps a broker from starting', () => {
  test('a data folder that another has, until that is closed', async () => {
    const first = await Broker.start({ dataDir })
    await expect(Broker.start({ dataDir })).rejects.toThrow(DataDirLockedError)
    await first.close()
    const second = await Broker.start({ dataDir })
    await second.close()
  })

  test('a port that another has; the data folder is free again then', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await expect(Broker.start({ dataDir, port })).rejects.toMatchObject({ code: 'BROKER_PORT_IN_USE', port })
    await expect(Broker.start({ dataDir, port })).rejects.toThrow(PortInUseError)
    server.close()
    await (await Broker.start({ dataDir })).close()
  })
})
