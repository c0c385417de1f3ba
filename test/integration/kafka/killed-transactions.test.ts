import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BrokerProcess } from '../../support/broker-process.ts'
import { RunningProgram } from '../../support/running-program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { javaArguments, javaPrograms } from './clients/java.ts'
import { librdkafka, PYTHON_KILLED_TRANSACTIONS } from './clients/python.ts'
import { until } from './clients/until.ts'
import { TransactionJournal } from './transaction-journal.ts'

const folder = temporaryFolder('headrace-killed-transactions-')
const java = await javaPrograms()
const python = await librdkafka()
const missing = java.missing ?? python.missing

// Many, so that there is time between the decision and the last of the markers.
const PARTITIONS = 12
const RANDOM_KILLS = 4
const TRANSACTIONS_BETWEEN_KILLS = 15
const DECIDED_KILLS = 1
const DECIDED_ATTEMPTS = 12

type Start = <Line>(address: string, topic: string, ...mode: string[]) => RunningProgram<Line>
const parse = JSON.parse

const startJava: Start = (address, topic, ...mode) => {
  const args = [...javaArguments(java.classPath), 'KilledMain', address, topic, String(PARTITIONS), ...mode]
  return started(new RunningProgram('java', args, { parse }))
}
const startPython: Start = (address, topic, ...mode) => {
  const args = [PYTHON_KILLED_TRANSACTIONS, address, topic, String(PARTITIONS), ...mode]
  return started(new RunningProgram('python3', args, { env: python.env, parse }))
}

function started<Line>(program: RunningProgram<Line>): RunningProgram<Line> {
  onTestFinished(() => program.end('SIGKILL'))
  return program
}

/** A broker that can be killed; clients find it again at its address. */
class Mortal {
  readonly #dataDir: string
  #broker: BrokerProcess

  private constructor(dataDir: string, broker: BrokerProcess) {
    this.#dataDir = dataDir
    this.#broker = broker
  }

  static async start(dataDir: string): Promise<Mortal> {
    const mortal = new Mortal(dataDir, await BrokerProcess.start(dataDir))
    onTestFinished(() => mortal.kill())
    return mortal
  }

  get address(): string {
    return this.#broker.address
  }

  kill(): Promise<void> {
    return this.#broker.kill()
  }

  async revive(): Promise<void> {
    this.#broker = await BrokerProcess.start(this.#dataDir, { port: this.#broker.port })
  }
}

interface Ended {
  readonly n: number
  readonly committed: boolean
}

/** Kills the broker under a transactional producer; gives the transactions that the producer was told the end of. */
async function killUnder(writer: RunningProgram<Ended>, broker: Mortal, dataDir: string): Promise<readonly Ended[]> {
  const journal = new TransactionJournal(dataDir)
  const goesOn = async (count: number) => {
    const wanted = writer.lines.length + count
    await Promise.race([writer.ended, until(`${wanted} transactions`, () => writer.lines.length >= wanted)])
  }
  for (let kill = 0; kill < RANDOM_KILLS; kill++) {
    await goesOn(TRANSACTIONS_BETWEEN_KILLS)
    await broker.kill()
    await broker.revive()
  }
  let decided = 0
  for (let attempt = 0; decided < DECIDED_KILLS && attempt < DECIDED_ATTEMPTS; attempt++) {
    await goesOn(2)
    while (!journal.isDecided()) await setImmediate()
    await broker.kill()
    if (journal.isDecided()) decided++
    await broker.revive()
  }
  expect(decided, 'kills between a decision and its end').toBe(DECIDED_KILLS)
  await goesOn(TRANSACTIONS_BETWEEN_KILLS)
  writer.endInput()
  await writer.ended
  return writer.lines
}

async function check(name: string, own: Start, other: Start, endOpen: (kafka: Kafka, id: string) => Promise<void>) {
  const dataDir = join(folder(), name)
  const broker = await Mortal.start(dataDir)
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry: { retries: 20 } })
  const admin = kafka.admin()
  onTestFinished(() => admin.disconnect())
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: name, numPartitions: PARTITIONS }] })

  const ended = await killUnder(own<Ended>(broker.address, name, 'transact', 'txn', 'group'), broker, dataDir)
  const committed = ended.filter((each) => each.committed).map(({ n }) => n)
  expect(ended.length).toBeGreaterThan(RANDOM_KILLS * TRANSACTIONS_BETWEEN_KILLS)
  expect(ended.map(({ n }) => n)).toEqual(ended.map((_, n) => n))

  const [offsets] = await admin.fetchOffsets({ groupId: 'group', topics: [name] })
  expect(offsets?.partitions[0]?.offset).toBe(String((committed.at(-1) ?? 0) + 1))

  const left = own<{ open: true }>(broker.address, name, 'open', 'left', '1000')
  await until('a transaction is open', () => left.lines.length > 0)
  await broker.kill()
  await left.end('SIGKILL')
  await broker.revive()
  await endOpen(kafka, 'left')
  await writeEnds(kafka, name)

  const reader = other<{ partition: number; value: string }>(broker.address, name, 'read')
  await reader.ended
  const expected = committed.map(String)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const seen = reader.lines.filter((line) => line.partition === partition).map(({ value }) => value)
    expect(seen, `partition ${partition}`).toEqual(expected)
  }
}

/** A reader of what is committed comes to these when all before them has ended. */
async function writeEnds(kafka: Kafka, topic: string): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: 'end' }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}

async function takeOver(kafka: Kafka, transactionalId: string): Promise<void> {
  const successor = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await successor.connect()
  await (await successor.transaction()).abort()
  await successor.disconnect()
}

describe.skipIf(missing !== undefined)(`transactions${missing ? ` (needs ${missing})` : ''}`, () => {
  it('of the Java client: librdkafka sees what was committed once, and nothing of what was aborted, left or fenced', async () => {
    await check('java', startJava, startPython, takeOver)
  }, 180_000)

  it('of librdkafka: the Java client sees what was committed once, and nothing of what was aborted, left or timed out', async () => {
    await check('rdkafka', startPython, startJava, async () => undefined)
  }, 180_000)
})
