import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestDatabase } from '../../integration/support/postgres-databases.ts'
import { BrokerProcess } from '../../support/broker-process.ts'
import { type Expected, expectMistake, expectNoTrace, placeIn, toldIn } from '../../support/mistakes.ts'
import { closedPort, type Desk, Scene } from './scene.ts'

let scene: Scene
let database: TestDatabase
beforeAll(async () => {
  scene = await Scene.open({ postgres: true })
  database = (await scene.postgres?.createDatabase()) as TestDatabase
  await scene.sendOrders('trades', 3)
})
afterAll(async () => {
  await database?.drop()
  await scene?.close()
})

describe('Kafka', () => {
  test('an unknown topic is told with its place and one that is like it', async () => {
    const desk = await scene.desk('unknown-topic')
    const text = await desk.pipeline('orders', { topic: 'tradse', sinks: ['parquet: { dataset: orders }'] })
    expectMistake(await desk.run(['run', 'orders.yaml']), {
      code: 'KAFKA_TOPIC_MISSING',
      place: `orders.yaml:${placeIn(text, 'tradse')}`,
      message: 'topic "tradse" does not exist',
      hint: /^Did you mean "trades"\?/,
    })
    await desk.pipeline('copy', { topic: 'trades', sinks: ['kafka: { topic: elsewhere }'] })
    const sink = await desk.run(['run', 'copy.yaml', '--once'])
    expectMistake(sink, {
      code: 'KAFKA_TOPIC_MISSING',
      place: expect.stringMatching(/^copy\.yaml:\d+:\d+$/),
      message: 'topic "elsewhere" does not exist',
      hint: /^Create it/,
    })
  })

  test('what answers on the port is no Kafka', async () => {
    const port = new URL(database.url).port
    const desk = await scene.desk('no-kafka', { other: `kafka: { bootstrap: "127.0.0.1:${port}" }` })
    const text = (await desk.pipeline('orders', {
      topic: 'trades, connection: other',
      sinks: ['console: {}'],
    })) as string
    expectMistake(await desk.run(['run', 'orders.yaml']), {
      code: 'KAFKA_AUTH_FAILED',
      place: `orders.yaml:${placeIn(text, 'other,')}`,
      message: `Kafka at 127.0.0.1:${port} refuses the connection: what answers does not speak Kafka in plain text (does it want \`ssl\`?)`,
      hint: /^Check host and port/,
    })
  })

  test('a broker that does not answer is tried again, ever more seldom; when it comes, the run goes on', async () => {
    const desk = await scene.desk('late-broker')
    const data = join(desk.folder, 'broker')
    const before = await BrokerProcess.start(data)
    const { address, port } = before
    const sent = await desk.run(['generate', 'trades', '--count', '50', '--to', `kafka://${address}/trades`])
    expect(sent.code).toBe(0)
    await before.stop()

    await desk.connect({ kafka: `kafka: { bootstrap: "${address}" }` })
    await desk.pipeline('orders', { topic: 'trades', sinks: ['parquet: { dataset: orders }'] })
    const running = desk.start(['run', 'orders.yaml', '--once', '--json'])
    await running.errorLine(/attempt 3/)
    expect(await desk.status('orders')).toMatchObject({
      state: 'starting',
      problem: { code: 'SOURCE_RETRYING', message: expect.stringContaining('cannot reach Kafka') },
    })

    const after = await BrokerProcess.start(data, { port })
    try {
      const ended = await running.ended()
      expect(ended.code, ended.stderr).toBe(0)
      expectNoTrace(ended)
      expect(JSON.parse(ended.stdout)).toMatchObject({ records: { read: 50 } })
      const [first, ...attempts] = toldIn(ended.stderr).filter(({ code }) => code === 'KAFKA_UNREACHABLE')
      expect(first?.message).toMatch(
        /^source "kafka": cannot reach Kafka at 127\.0\.0\.1:\d+: connect ECONNREFUSED .* \(attempt 1; the next in 0\.\d s\)$/,
      )
      expect(first?.hint).toMatch(/^Is the broker running/)
      const waits = attempts.map(({ message }) => Number(/next in ([\d.]+) s/.exec(message)?.[1]))
      expect(waits.at(-1)).toBeGreaterThan(waits[0] as number)
      expect(ended.stderr).toMatch(/^source "kafka" works again$/m)
    } finally {
      await after.stop()
    }
  })

  test('Ctrl-C ends the wait, cleanly', async () => {
    const port = await closedPort()
    const desk = await scene.desk('no-broker', { kafka: `kafka: { bootstrap: "127.0.0.1:${port}" }` })
    await desk.pipeline('orders', { topic: 'trades', sinks: ['parquet: { dataset: orders }'] })
    const running = desk.start(['run', 'orders.yaml'])
    await running.errorLine(/attempt 2/)
    running.signal('SIGINT')
    const ended = await running.ended()
    expect(ended.code, ended.stderr).toBe(0)
    expectNoTrace(ended)
    expect(ended.stdout).toMatch(/^orders stopped after .*: 0 records in so far$/m)
  })

  test('a sink that cannot go on is told although the source does not answer', async () => {
    const port = await closedPort()
    const desk = await scene.desk('both', {
      kafka: `kafka: { bootstrap: "127.0.0.1:${port}" }`,
      warehouse: `postgres: { url: "${database.url}" }`,
    })
    await desk.pipeline('orders', { topic: 'trades', sinks: ['postgres: { table: nowhere, createTable: false }'] })
    expectMistake(await desk.run(['run', 'orders.yaml']), {
      code: 'POSTGRES_TABLE_MISSING',
      place: expect.stringMatching(/^orders\.yaml:/),
      message: 'table "nowhere" does not exist',
      hint: /createTable: true/,
    })
  })
})

describe('connections', () => {
  test('unknown ones, of another type, with mistakes in them', async () => {
    const desk = await scene.desk('connections', {
      warehouse: 'postgres: { hots: db }',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the file's own syntax
      secret: 'postgres: { url: "${env:HEADRACE_TEST_UNSET}" }',
    })
    const told = async (name: string, connection: string): Promise<[string, ReturnType<Desk['run']>]> => {
      const text = await desk.pipeline(name, {
        topic: 'trades',
        sinks: [`postgres: { connection: ${connection}, table: t }`],
      })
      return [text, desk.run(['run', `${name}.yaml`])]
    }
    const [[text, unknown], [, type], [, key], [, unset]] = await Promise.all([
      told('a', 'warehose'),
      told('b', 'kafka'),
      told('c', 'warehouse'),
      told('d', 'secret'),
    ])
    expectMistake(await unknown, {
      code: 'CONNECTION_UNKNOWN',
      place: `a.yaml:${placeIn(text, 'warehose')}`,
      message: 'there is no connection called "warehose" (of type `postgres`)',
      hint: /^Did you mean `warehouse`\?/,
    })
    expectMistake(await type, {
      code: 'CONNECTION_TYPE',
      place: 'headrace.yaml:2:3',
      message: 'the connection "kafka" is of type `kafka`, not `postgres`',
      hint: /`postgres`/,
    })
    expectMistake(await key, {
      code: 'CONFIG_UNKNOWN_KEY',
      place: expect.stringMatching(/^headrace\.yaml:3:\d+$/),
      message: '"hots" is not a key of connections.warehouse',
      hint: 'Did you mean `host`?',
    })
    expectMistake(await unset, {
      code: 'CONFIG_ENVIRONMENT_MISSING',
      place: expect.stringMatching(/^headrace\.yaml:4:\d+$/),
      message: 'the environment variable "HEADRACE_TEST_UNSET" is not set',
      hint: /^Set it/,
    })
  })
})

describe('PostgreSQL refuses', () => {
  let desk: Desk
  beforeAll(async () => {
    const url = new URL(database.url)
    const with_ = (change: (url: URL) => void) => {
      const changed = new URL(url)
      change(changed)
      return `postgres: { url: "${changed}" }`
    }
    desk = await scene.desk('postgres', {
      right: `postgres: { url: "${url}" }`,
      wrong: with_((u) => Object.assign(u, { password: 'wrong' })),
      none: with_((u) => Object.assign(u, { password: '' })),
      nobody: with_((u) => Object.assign(u, { pathname: '/nobody' })),
      tls: with_((u) => u.searchParams.set('sslmode', 'require')),
    })
    await database.query('CREATE TABLE few (uno text)')
    await database.query('CREATE TABLE keyless (uno text, tnum integer, tuptime timestamp)')
    await database.query('CREATE TABLE demanding (uno text, tnum integer, tuptime timestamp, region text NOT NULL)')
  })

  /** The sink's settings, what is told, and the text at whose place it is told. */
  test.concurrent.each<[string, string, string, Omit<Expected, 'place'>]>([
    [
      'a wrong password',
      'connection: wrong, table: t',
      'wrong',
      {
        code: 'POSTGRES_AUTH_FAILED',
        message: /password authentication failed for user "headrace"$/,
        hint: /^Check user/,
      },
    ],
    [
      'no password',
      'connection: none, table: t',
      'none',
      {
        code: 'POSTGRES_AUTH_FAILED',
        message: /the server asks for a password, and there is none$/,
        hint: /^Check user/,
      },
    ],
    [
      'a database that does not exist',
      'connection: nobody, table: t',
      'nobody',
      { code: 'POSTGRES_DATABASE_MISSING', message: /"nobody" does not exist$/, hint: /^Create the database/ },
    ],
    [
      'TLS where there is none',
      'connection: tls, table: t',
      'tls',
      { code: 'POSTGRES_TLS_FAILED', message: /does not support SSL/, hint: /`ssl`/ },
    ],
    [
      'a table that does not exist and shall not be made',
      'connection: right, table: nowhere, createTable: false',
      'nowhere',
      {
        code: 'POSTGRES_TABLE_MISSING',
        message: 'table "nowhere" does not exist',
        hint: 'Set createTable: true, fix the name, or run: CREATE TABLE "public"."nowhere" ("uno" text, "tnum" integer, "tuptime" timestamp)',
      },
    ],
    [
      'columns that the table lacks',
      'connection: right, table: few',
      'few',
      {
        code: 'POSTGRES_COLUMN_MISSING',
        message: 'table "public"."few" has no column "tnum", "tuptime"',
        hint: /ALTER TABLE "public"."few" ADD COLUMN "tnum" integer, ADD COLUMN "tuptime" timestamp$/,
      },
    ],
    [
      'a column that must have a value',
      'connection: right, table: demanding',
      'demanding',
      { code: 'POSTGRES_COLUMN_REQUIRED', message: /needs a value for "region"/, hint: /default/ },
    ],
    [
      'a key that is not unique in the table',
      'connection: right, table: keyless, key: [uno]',
      '[uno]',
      {
        code: 'POSTGRES_KEY_NOT_UNIQUE',
        message: 'table "public"."keyless" has no unique index on exactly (uno)',
        hint: /CREATE UNIQUE INDEX ON "public"."keyless" \("uno"\)$/,
      },
    ],
  ])('%s', async (name, settings, at, told) => {
    const file = name.replaceAll(' ', '-')
    const text = await desk.pipeline(file, { topic: 'trades', sinks: [`postgres: { ${settings} }`] })
    const ended = await desk.run(['run', `${file}.yaml`, '--once'])
    expectMistake(ended, { ...told, place: `${file}.yaml:${placeIn(text, at, 'postgres:')}` })
    expect(await desk.status(file)).toMatchObject({ state: 'failed', problem: { code: told.code } })
  })
})

describe('ports that are taken', () => {
  test('by the broker, by PostgreSQL, by the server', async () => {
    const desk = await scene.desk('ports')
    const kafka = String(scene.broker.port)
    const [broker, postgres, server] = await Promise.all([
      desk.run(['dev', '--kafka-port', kafka]),
      desk.run(['dev', '--data', 'other', '--kafka-port', '0', '--postgres-port', kafka]),
      desk.run(['serve', '--port', kafka]),
    ])
    const told = (service: string): Expected => ({
      code: 'SERVICE_PORT_IN_USE',
      place: undefined,
      message: `port ${kafka} is taken, so the embedded ${service} cannot listen on it`,
      hint: /^Choose another port/,
    })
    expectMistake(broker, told('broker'))
    expectMistake(postgres, told('PostgreSQL'))
    expectMistake(server, { code: 'API_PORT_IN_USE', place: undefined, message: new RegExp(kafka), hint: /--port/ })
  })
})
