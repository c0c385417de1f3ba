import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BrokerProcess } from '../../support/broker-process.ts'
import { RunningProgram } from '../../support/running-program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { javaArguments, javaPrograms } from './clients/java.ts'
import { librdkafka, PYTHON_KILLED } from './clients/python.ts'
import { until } from './clients/until.ts'

const folder = temporaryFolder('headrace-killed-')
const java = await javaPrograms()
const python = await librdkafka()
const RECORDS = 20_000
const KILLS = 3

interface Acknowledged {
  readonly value: string
  readonly offset: number
}

function start<Line>(command: string, args: readonly string[], env = process.env): RunningProgram<Line> {
  const program = new RunningProgram<Line>(command, args, { env, parse: JSON.parse })
  onTestFinished(() => program.end('SIGKILL'))
  return program
}

/** A broker that is killed again and again while a producer goes on; what it acknowledged must be there, once each, at its offset. */
async function killUnder(
  name: string,
  produce: (address: string, topic: string) => RunningProgram<Acknowledged>,
): Promise<Kafka> {
  const dataDir = join(folder(), name)
  let broker = await BrokerProcess.start(dataDir)
  onTestFinished(() => broker.kill())
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry: { retries: 20 } })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }] })
  await admin.disconnect()

  const producer = produce(broker.address, name)
  const acknowledged = (lines: readonly Acknowledged[]) => lines.filter(({ offset }) => offset !== undefined)
  for (let kill = 1; kill <= KILLS; kill++) {
    const wanted = (kill * RECORDS) / (KILLS + 2)
    const isThere = () => acknowledged(producer.lines).length >= wanted
    await Promise.race([producer.ended, until(`${wanted} records are acknowledged`, isThere)])
    const { port } = broker
    await broker.kill()
    broker = await BrokerProcess.start(dataDir, { port })
  }
  await producer.ended
  const told = acknowledged(producer.lines)
  expect(told).toHaveLength(RECORDS)
  const stored = await readAll(kafka, name, RECORDS)
  expect(new Set(stored).size).toBe(stored.length)
  expect(told.filter(({ value, offset }) => stored[offset] !== value)).toEqual([])
  return kafka
}

/** The values of a topic's only partition by their offsets, which have no gaps. */
async function readAll(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: `reads-${topic}` })
  const values: string[] = []
  const all = Promise.withResolvers<void>()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { offset, value } of batch.messages) values[Number(offset)] = String(value)
      if (values.length >= count) all.resolve()
    },
  })
  await all.promise
  await consumer.disconnect()
  return values
}

describe.skipIf(java.missing !== undefined)(`the Java client${java.missing ? ` (needs ${java.missing})` : ''}`, () => {
  it(`${KILLS} kills under VerifiableProducer: each of ${RECORDS} acknowledged records is there once`, async () => {
    const settings = join(folder(), 'producer.properties')
    // The tool itself would not try again.
    await writeFile(settings, 'enable.idempotence=true\nacks=all\nretries=2147483647\nreconnect.backoff.max.ms=200\n')
    await killUnder('java', (address, topic) => {
      const options = ['--bootstrap-server', address, '--topic', topic, '--max-messages', String(RECORDS)]
      const tool = 'org.apache.kafka.tools.VerifiableProducer'
      const rate = ['--acks', '-1', '--throughput', '8000', '--command-config', settings]
      return start('java', [...javaArguments(java.classPath), tool, ...options, ...rate])
    })
  }, 180_000)
})

describe.skipIf(python.missing !== undefined)(`librdkafka${python.missing ? ` (needs ${python.missing})` : ''}`, () => {
  it(`${KILLS} kills under a producer and a group: all is there once, the group goes on at what it committed`, async () => {
    let consumer: RunningProgram<{ committed: number }> | undefined
    const kafka = await killUnder('rdkafka', (address, topic) => {
      const run = <Line>(...args: string[]) => start<Line>('python3', [PYTHON_KILLED, address, ...args], python.env)
      consumer = run<{ committed: number }>('consume', topic, 'group', String(RECORDS))
      return run<Acknowledged>('produce', topic, String(RECORDS))
    })
    await consumer?.ended
    const commits = consumer?.lines.map(({ committed }) => committed) ?? []
    expect(commits.at(-1)).toBe(RECORDS)
    // It never went back behind what a commit was answered for.
    expect(commits).toEqual(commits.toSorted((a, b) => a - b))
    const admin = kafka.admin()
    await admin.connect()
    const [committed] = await admin.fetchOffsets({ groupId: 'group', topics: ['rdkafka'] })
    await admin.disconnect()
    expect(committed?.partitions[0]?.offset).toBe(String(RECORDS))
  }, 180_000)
})
