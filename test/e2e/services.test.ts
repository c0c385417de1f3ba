import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigResourceTypes, ConfigSource, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HeadraceProcess, headrace as run } from '../support/headrace-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-services-')
const EXAMPLE = fileURLToPath(new URL('../../examples/trades-per-minute.yaml', import.meta.url))
const headrace = (...args: string[]) => run(args, { cwd: folder() })
const start = (...args: string[]) => new HeadraceProcess(args, { cwd: folder() })

/** `headrace dev` in the folder's `.headrace`: what every test here works with. */
describe('with headrace dev', () => {
  let dev: HeadraceProcess
  let bootstrap: string

  beforeAll(async () => {
    const config = ['--kafka-config', 'log.retention.hours=24', '--kafka-config', 'message.max.bytes=2000000']
    dev = start('dev', '--postgres', '--kafka-port', '0', '--partitions', '2', ...config, '--json')
    const [line] = await dev.line(/^\{.*\}$/m)
    const ready = JSON.parse(line)
    expect(ready).toMatchObject({ event: 'ready', data: path.join(folder(), '.headrace') })
    expect(ready.postgres.url).toMatch(/^postgres:\/\/\w+:[\w-]+@127\.0\.0\.1:\d+\/\w+$/)
    bootstrap = ready.kafka.bootstrap
    expect(bootstrap).toMatch(/^127\.0\.0\.1:\d+$/)
  })
  afterAll(() => dev.stop())

  test('a second one of the same folder is refused, and so is a port that is taken', async () => {
    const second = await headrace('dev')
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/^DEV_ALREADY_RUNNING {2}/)
    const taken = await headrace('dev', '--data', 'other', '--kafka-port', bootstrap.split(':')[1] as string)
    expect(taken.code).toBe(1)
    expect(taken.stderr).toMatch(/^SERVICE_PORT_IN_USE {2}/)
  })

  test('what it was started with is what clients are shown, and what is no config is not taken', async () => {
    const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.BROKER, name: '1' }],
    })
    await admin.disconnect()
    const shown = resources[0]?.configEntries.map((entry) => [entry.configName, entry])
    expect(Object.fromEntries(shown ?? [])).toMatchObject({
      'num.partitions': { configValue: '2', configSource: ConfigSource.STATIC_BROKER_CONFIG },
      'log.retention.ms': { configValue: '86400000', configSource: ConfigSource.STATIC_BROKER_CONFIG },
      'message.max.bytes': { configValue: '2000000', configSource: ConfigSource.STATIC_BROKER_CONFIG },
      'group.max.session.timeout.ms': { configSource: ConfigSource.DEFAULT_CONFIG },
    })
    const misspelt = await headrace('dev', '--data', 'other', '--kafka-config', 'message.max.byte=1')
    expect(misspelt).toMatchObject({ code: 1, stderr: expect.stringMatching(/^EMBEDDED_BROKER_SETTINGS {2}/) })
    expect(misspelt.stderr).toContain('there is no broker config message.max.byte; did you mean message.max.bytes')
  })

  test('orders in, windows out: run, query, dead letters, status', async () => {
    const sent = await headrace(
      'generate',
      'trades',
      '--count',
      '5000',
      '--seed',
      '3',
      '--malformed',
      '0.02',
      '--to',
      'kafka',
      '--json',
    )
    expect(sent.code).toBe(0)
    const { kinds } = JSON.parse(sent.stdout)

    const ran = await headrace('run', EXAMPLE, '--once', '--drain', '--json')
    expect(ran.stderr).toContain('CONNECTION_FROM_DEV')
    expect(ran.code).toBe(0)
    const outcome = JSON.parse(ran.stdout)
    const malformed = kinds.truncated + kinds.wrongType + kinds.notUtf8 + kinds.empty + kinds.text
    expect(malformed).toBeGreaterThan(50)
    const { read, dead, filtered, late, aggregated, open } = outcome.accounts
    expect({ read, dead, open }).toEqual({ read: 5000, dead: malformed, open: 0 })
    expect(filtered).toBe(kinds.cancelled)
    expect(aggregated + late).toBe(kinds.order + kinds.duplicate + kinds.late)
    expect(outcome.state).toBe('finished')

    const counted = await headrace(
      'query',
      'SELECT sum(orders) AS orders, count(*) AS n FROM trades_per_minute',
      '--json',
    )
    expect(JSON.parse(counted.stdout)).toEqual([{ orders: aggregated, n: outcome.sinks.parquet.published }])

    const letters = JSON.parse((await headrace('dlq', 'list', 'trades-per-minute', '--json')).stdout)
    expect(letters.total).toBe(dead + late)
    const notUtf8 = await headrace(
      'dlq',
      'show',
      'trades-per-minute',
      '--code',
      'RECORD_NOT_UTF8',
      '--limit',
      '2',
      '--json',
    )
    const shown = notUtf8.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(shown).toHaveLength(2)
    for (const letter of shown) {
      expect(letter).toMatchObject({
        code: 'RECORD_NOT_UTF8',
        step: 'decode',
        partition: expect.stringMatching(/^trades\/\d$/),
      })
      expect(Buffer.from(letter.valueBase64, 'base64').includes(0xff)).toBe(true)
    }
    const text = (await headrace('dlq', 'show', 'trades-per-minute', '--code', 'RECORD_NOT_UTF8', '--limit', '1'))
      .stdout
    expect(text).toMatch(
      /^trades\/\d@\d+ {2}RECORD_NOT_UTF8 {2}.*\n {2}step {3}decode\n {2}time {3}.*\n {2}value {2}.*\\xff.*not UTF-8/,
    )
  })

  test('a result as a Parquet file can be queried in turn', async () => {
    const file = path.join('.headrace', 'lake', 'copied', 'result.parquet')
    const missing = await headrace('query', 'SELECT 1 AS one', '--output', file)
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/^QUERY_OUTPUT_FAILED {2}/)
    const written = await headrace('query', 'SELECT uno FROM trades_per_minute LIMIT 7', '--output', 'result.parquet')
    expect(written).toMatchObject({ code: 0, stdout: '', stderr: '7 rows written to result.parquet\n' })
    expect((await readFile(path.join(folder(), 'result.parquet'))).subarray(0, 4).toString()).toBe('PAR1')
  })

  test('a pipeline runs until Ctrl-C, tells its status, refuses a second run, and resumes', async () => {
    const text = (await readFile(EXAMPLE, 'utf8'))
      .replace('name: trades-per-minute', 'name: live')
      .replaceAll('trades_per_minute', 'live')
      .replace('topic: trades', 'topic: live')
      .replace('interval: 1 second', 'interval: 100 ms')
    await writeFile(path.join(folder(), 'live.yaml'), text)
    const send = (seed: string) =>
      headrace('generate', 'trades', '--count', '1000', '--seed', seed, '--to', 'kafka:live')
    expect((await send('1')).code).toBe(0)

    const running = start('run', 'live.yaml', '--metrics')
    await running.line(/"read":1000,/)
    const second = await headrace('run', 'live.yaml')
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/^PIPELINE_RUNNING {2}/m)
    running.signal('SIGINT')
    const { code, stdout, stderr } = await running.ended()
    expect({ code, stderr: stderr.replaceAll(/^(CONNECTION_FROM_DEV|POSTGRES_TABLE_CREATED) .*\n/gm, '') }).toEqual({
      code: 0,
      stderr: '',
    })
    for (const line of stdout.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('pipeline', 'live')

    expect((await send('2')).code).toBe(0)
    const resumed = await headrace('run', 'live.yaml', '--until-idle', '300ms')
    expect(resumed.code).toBe(0)
    expect(resumed.stdout).toMatch(/^live stopped after .*: 2,000 records in so far$/m)
  })

  test('the API shows pipelines and answers queries, until Ctrl-C', async () => {
    const server = start('serve', '--port', '0', '--json')
    const [line] = await server.line(/^\{.*\}$/m)
    const { url } = JSON.parse(line) as { url: string }
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const { pipelines } = (await (await fetch(`${url}/pipelines`)).json()) as { pipelines: { name: string }[] }
    expect(pipelines.map(({ name }) => name)).toContain('trades-per-minute')
    const answer = await fetch(`${url}/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'SELECT count(*) > 0 AS any FROM trades_per_minute' }),
    })
    expect(await answer.json()).toMatchObject({ rows: [[true]] })
    const port = new URL(url).port
    const taken = await headrace('serve', '--port', port)
    expect(taken.code).toBe(1)
    expect(taken.stderr).toMatch(/^API_PORT_IN_USE {2}/)
    server.signal('SIGINT')
    expect(await server.ended()).toMatchObject({ code: 0, stderr: '' })
  })
})

test('dev ends cleanly by a signal and takes dev.json away', async () => {
  const dev = start('dev', '--data', 'short', '--kafka-port', '0')
  await dev.line(/^Kafka +127\.0\.0\.1:\d+$/m)
  const file = path.join(folder(), 'short', 'dev.json')
  expect(existsSync(file)).toBe(true)
  dev.signal('SIGINT')
  expect(await dev.ended()).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(file)).toBe(false)
})
