import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresService, startPostgres } from 'headrace'
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BrokerProcess } from '../../support/broker-process.ts'
import { expectNoTrace, toldIn } from '../../support/mistakes.ts'
import { Scene } from './scene.ts'

let scene: Scene
let directory: string
let postgres: PostgresService
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headrace-outage-'))
  ;[scene, postgres] = await Promise.all([Scene.open(), startPostgres({ directory, durable: false })])
})
afterAll(async () => {
  await Promise.all([scene?.close(), postgres?.stop()])
  await rm(directory, { recursive: true, force: true })
})

/** Up to which offset the pipeline has told the broker that all is done; −1 for not at all. */
async function acknowledged(pipeline: string, topic: string): Promise<number> {
  const admin = new Kafka({ brokers: [scene.broker.address], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const [offsets] = await admin.fetchOffsets({ groupId: `headrace.${pipeline}`, topics: [topic] })
    return Number(offsets?.partitions[0]?.offset ?? -1)
  } finally {
    await admin.disconnect()
  }
}

async function tableNumbers(): Promise<number[]> {
  const client = new Client({ connectionString: postgres.url })
  await client.connect()
  try {
    return (await client.query<{ tnum: number }>('SELECT tnum FROM orders ORDER BY tnum')).rows.map(({ tnum }) => tnum)
  } finally {
    await client.end()
  }
}

const oneTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

test('PostgreSQL is down at the start and again in the middle: the dataset goes on, nothing is lost, all comes later', async () => {
  const { port, url } = postgres
  const desk = await scene.desk('outage', { warehouse: `postgres: { url: "${url}" }` })
  await desk.pipeline('outage', {
    topic: 'outage',
    sinks: ['parquet: { dataset: orders, roll: { rows: 1 } }', 'postgres: { table: orders }'],
  })
  await postgres.stop()
  await scene.sendOrders('outage', 100)
  const running = desk.start(['run', 'outage.yaml', '--metrics'])
  const until = (parquet: number, table: number, read: number) =>
    running.line(
      new RegExp(
        `"read":${read},.*"parquet":\\{[^}]*"published":${parquet},.*"postgres":\\{[^}]*"published":${table},`,
      ),
    )
  try {
    // At the start: the dataset has all, the table waits, the broker is told nothing.
    await running.errorLine(/POSTGRES_UNREACHABLE .*attempt 2/)
    await until(100, 0, 100)
    expect(await acknowledged('outage', 'outage')).toBe(-1)
    expect(await desk.query('SELECT count(*)::INTEGER AS n FROM orders')).toEqual([{ n: 100 }])

    postgres = await startPostgres({ directory, port, durable: false })
    await until(100, 100, 100)
    await running.errorLine(/^sink "postgres" works again$/m)
    expect(await tableNumbers()).toEqual(oneTo(100))

    // In the middle.
    await postgres.stop()
    await scene.sendOrders('outage', 100)
    await until(200, 100, 200)
    await running.errorLine(/works again[\s\S]*POSTGRES_\w+ {2}sink "postgres": .*attempt 2/)
    expect(await acknowledged('outage', 'outage')).toBeLessThanOrEqual(100)
    expect(await desk.status('outage')).toMatchObject({
      state: 'running',
      sinks: {
        parquet: { published: 200, pendingBatches: 0 },
        postgres: {
          rows: 200,
          published: 100,
          problem: {
            code: 'POSTGRES_UNREACHABLE',
            attempts: expect.any(Number),
            hint: expect.stringContaining('port'),
          },
        },
      },
    })

    postgres = await startPostgres({ directory, port, durable: false })
    await until(200, 200, 200)
    expect(await tableNumbers()).toEqual(oneTo(200))
    expect((await desk.query('SELECT tnum FROM orders ORDER BY tnum')).map(({ tnum }) => tnum)).toEqual(oneTo(200))
  } finally {
    running.signal('SIGINT')
    const ended = await running.ended()
    expect(ended.code, ended.stderr).toBe(0)
    expectNoTrace(ended)
    const codes = new Set(toldIn(ended.stderr).map(({ code }) => code))
    expect([...codes].filter((code) => !code.startsWith('POSTGRES_'))).toEqual([])
  }
  expect(await acknowledged('outage', 'outage')).toBe(200)
})

test('a target that stays away: Ctrl-C ends the run at once, and the next run publishes what waits', async () => {
  const { port, url } = postgres
  const desk = await scene.desk('away', { warehouse: `postgres: { url: "${url}" }` })
  await desk.pipeline('away', { topic: 'away', sinks: ['postgres: { table: away }'] })
  await scene.sendOrders('away', 20)
  await postgres.stop()
  const running = desk.start(['run', 'away.yaml', '--once'])
  await running.errorLine(/attempt 3/)
  running.signal('SIGINT')
  const stopped = await running.ended()
  expect(stopped.code, stopped.stderr).toBe(0)
  expectNoTrace(stopped)
  expect(stopped.stdout).toMatch(/^ {2}postgres +0 rows, 20 committed and waiting/m)

  postgres = await startPostgres({ directory, port, durable: false })
  const ended = await desk.run(['run', 'away.yaml', '--once', '--json'])
  expect(ended.code, ended.stderr).toBe(0)
  expect(JSON.parse(ended.stdout)).toMatchObject({ records: { read: 20 }, sinks: { postgres: { published: 20 } } })
})

test('the broker dies in the middle and comes back: reading goes on where it stood', async () => {
  const desk = await scene.desk('broker-dies')
  const data = join(desk.folder, 'broker')
  const first = await BrokerProcess.start(data)
  const send = async (seed: string) => {
    const to = `kafka://${first.address}/dying`
    const sent = await desk.run([
      'generate',
      'trades',
      '--count',
      '100',
      '--malformed',
      '0',
      '--seed',
      seed,
      '--to',
      to,
    ])
    expect(sent.code, sent.stderr).toBe(0)
  }
  await send('1')
  await desk.connect({ kafka: `kafka: { bootstrap: "${first.address}" }` })
  await desk.pipeline('dying', { topic: 'dying', sinks: ['parquet: { dataset: dying }'] })
  const running = desk.start(['run', 'dying.yaml', '--metrics'])
  let second: BrokerProcess | undefined
  try {
    await running.line(/"read":100,/)
    await first.kill()
    await running.errorLine(/KAFKA_UNREACHABLE {2}source "kafka": .*attempt 2/)
    second = await BrokerProcess.start(data, { port: first.port })
    await running.errorLine(/^source "kafka" works again$/m)
    await send('2')
    await running.line(/"read":200,/)
  } finally {
    running.signal('SIGINT')
    const ended = await running.ended()
    await first.stop()
    await second?.stop()
    expect(ended.code, ended.stderr).toBe(0)
    expectNoTrace(ended)
  }
  expect(await desk.query('SELECT count(*)::INTEGER AS n FROM dying')).toEqual([{ n: 200 }])
})
