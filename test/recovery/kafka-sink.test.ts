import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readTopic } from '../integration/support/read-topic.ts'
import { BrokerProcess } from '../support/broker-process.ts'
import { RawProducer } from '../support/raw-producer.ts'
import { numbersFrom } from '../support/seeded-numbers.ts'
import { type Job, STEPS, type StepKill } from './job.ts'
import { liveOnce } from './one-life.ts'

const PIPELINE = `name: copies
source:
  kafka: { topic: numbers, start: earliest }
  decode: { json: { columns: { n: integer } } }
steps:
  - sql: SELECT n, n * 2 AS twice FROM input
trigger: { interval: 1 ms, maxRecords: 400 }
sinks:
  - kafka: { topic: copies, key: n, delivery: exactlyOnce }
`
const RECORDS_PER_LIFE = 2000
/** Lives that are killed wherever they are after these many ms, beside those that are killed at a named step. */
const RANDOM_KILLS = 6

let directory: string
let broker: BrokerProcess
let numbers: RawProducer
let sent = 0

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headrace-copies-'))
  broker = await BrokerProcess.start(join(directory, 'broker'))
  numbers = await RawProducer.open(broker.address, 'numbers', 2)
  const copies = await RawProducer.open(broker.address, 'copies', 3)
  copies.close()
})
afterEach(async () => {
  numbers?.close()
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

async function produce(): Promise<void> {
  for (const end = sent + RECORDS_PER_LIFE; sent < end; sent++) {
    await numbers.append(sent % 2, null, Buffer.from(`{"n":${sent}}`), Date.UTC(2026, 10, 21))
  }
  await numbers.flush()
}

function live(kill: StepKill | undefined, killAfterMs?: number) {
  const connection = { bootstrap: broker.address, clientId: 'headrace-copies' }
  const job: Job = {
    pipeline: PIPELINE,
    connections: { kafka: connection, postgres: undefined },
    dataDirectory: join(directory, 'data'),
    drain: false,
    ...(kill === undefined ? {} : { kill }),
  }
  return liveOnce(job, directory, killAfterMs)
}

it('from topic to topic each record once, wherever the pipeline is killed', async () => {
  const random = numbersFrom(7)
  let kills = 0
  for (const step of STEPS) {
    for (const when of ['before', 'after'] as const) {
      await produce()
      kills += Number((await live({ step, when, occurrence: 1 + Math.floor(random() * 3) })).killed)
    }
  }
  for (let i = 0; i < RANDOM_KILLS; i++) {
    await produce()
    kills += Number((await live(undefined, 400 + random() * 900)).killed)
  }
  await live(undefined)
  expect(kills).toBeGreaterThanOrEqual(STEPS.length)
  const kafka = new Kafka({ brokers: [broker.address], clientId: 'reader', logLevel: logLevel.NOTHING })
  const read = (await readTopic(kafka, 'copies')).map(({ key, value }) => `${key} ${value}`)
  const expected = Array.from({ length: sent }, (_, n) => `${n} {"n":${n},"twice":${2 * n}}`)
  expect(read.length).toBe(expected.length)
  expect(read.sort()).toEqual(expected.sort())
}, 240_000)
