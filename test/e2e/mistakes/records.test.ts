import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestDatabase } from '../../integration/support/postgres-databases.ts'
import { expectMistake, expectNoTrace } from '../../support/mistakes.ts'
import { type Desk, order, Scene } from './scene.ts'

let scene: Scene
let database: TestDatabase
beforeAll(async () => {
  scene = await Scene.open({ postgres: true })
  database = (await scene.postgres?.createDatabase()) as TestDatabase
})
afterAll(async () => {
  await database?.drop()
  await scene?.close()
})

interface Letter {
  readonly partition: string
  readonly ordinal: number
  readonly code: string
  readonly reason: string
  readonly step: string
  readonly valueBase64: string | null
}

async function letters(desk: Desk, pipeline: string): Promise<Letter[]> {
  const { code, stdout, stderr } = await desk.run(['dlq', 'show', pipeline, '--limit', '1000', '--json'])
  expect(code, stderr).toBe(0)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Letter)
}

const bytes = (text: string) => Buffer.from(text, 'latin1')
const time = (second: number) => JSON.parse(order({ uno: '', tnum: 0 }, second)).tuptime as string

describe('records', () => {
  // Each at its own second; the good ones in between are what must be left.
  const BAD: readonly (readonly [value: Uint8Array | null, code: string, reason: RegExp, step?: string])[] = [
    [null, 'RECORD_EMPTY', /tombstone/],
    [bytes(''), 'RECORD_EMPTY', /empty/],
    [bytes('  '), 'RECORD_EMPTY', /./],
    [bytes('hello'), 'RECORD_MALFORMED', /^not JSON: .*hello/],
    [bytes('{"uno":"u1","tnum":1,'), 'RECORD_MALFORMED', /./],
    [bytes('{"uno":"u1","tnum":1}{"uno":"u2"}'), 'RECORD_MALFORMED', /position 21/],
    // A value that tries to leave the envelope that records are spooled in.
    [bytes('1},"_offset":9'), 'RECORD_MALFORMED', /./],
    [bytes('{"uno":"u1"\n{"uno":"u2"}'), 'RECORD_MALFORMED', /./],
    [bytes('{"uno":"\xff\xfe","tnum":1}'), 'RECORD_NOT_UTF8', /0xFF/],
    [bytes('[1, 2]'), 'RECORD_NOT_OBJECT', /array/],
    [bytes('"text"'), 'RECORD_NOT_OBJECT', /./],
    [bytes('{"uno":"u1","tnum":"many"}'), 'RECORD_WRONG_TYPE', /^column tnum: "many" is not an INTEGER$/],
    [bytes('{"uno":"u1","tnum":99999999999}'), 'RECORD_WRONG_TYPE', /column tnum: .*99999999999/],
    [
      bytes('{"uno":"u1","tnum":1,"tuptime":"noon"}'),
      'RECORD_WRONG_TYPE',
      /^column tuptime: "noon" is not a TIMESTAMP$/,
    ],
    [bytes('{"tnum":1}'), 'RECORD_TIME_MISSING', /tuptime is null/, 'watermark'],
    [bytes('{"tnum":1,"tuptime":"2062-01-01T00:00:00Z"}'), 'RECORD_TIME_AHEAD', /2062-01-01/, 'watermark'],
  ]

  test('that are none are in the dead letters, with their bytes, their position and the reason; the counts add up', async () => {
    const desk = await scene.desk('bad')
    const values: (string | Uint8Array | null)[] = []
    for (const [i, [value]] of BAD.entries()) values.push(order({ uno: 'good', tnum: 1 }, i), value)
    const pretty = JSON.stringify({ uno: 'good', tnum: 1, tuptime: time(20) }, null, 2)
    values.push(pretty, order({ uno: 'good', tnum: 0 }, 21))
    // Its window has closed by the time that the last but one brings.
    values.push(order({ uno: 'good', tnum: 1 }, 200), order({ uno: 'late', tnum: 1 }, 1))
    await scene.send('bad', values)
    await desk.pipeline('bad', {
      topic: 'bad',
      steps: [
        'filter: tnum > 0',
        `{ name: w, sql: "SELECT window_start, window_end, uno, count(*) AS orders FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, uno" }`,
      ],
      sinks: ['parquet: { dataset: bad }'],
    })
    const ended = await desk.run(['run', 'bad.yaml', '--once', '--json'])
    expect(ended.code, ended.stderr).toBe(0)
    expectNoTrace(ended)
    const { accounts } = JSON.parse(ended.stdout)
    expect(accounts).toEqual({
      read: values.length,
      dead: BAD.length,
      filtered: 1,
      late: 1,
      aggregated: BAD.length + 1,
      open: 1,
    })
    expect(accounts.aggregated + accounts.filtered + accounts.late + accounts.dead + accounts.open).toBe(accounts.read)

    const found = await letters(desk, 'bad')
    expect(found).toHaveLength(BAD.length + 1)
    for (const [i, [value, code, reason, step = 'decode']] of BAD.entries()) {
      expect(found[i]).toMatchObject({
        partition: 'bad/0',
        ordinal: 2 * i + 1,
        code,
        step,
        reason: expect.stringMatching(reason),
        valueBase64: value === null ? null : Buffer.from(value).toString('base64'),
      })
    }
    expect(found.at(-1)).toMatchObject({ code: 'RECORD_LATE', ordinal: values.length - 1, step: 'w' })
    const drained = await desk.run(['run', 'bad.yaml', '--once', '--drain', '--json'])
    expect(JSON.parse(drained.stdout).accounts).toMatchObject({ open: 0, aggregated: BAD.length + 2 })
    expect(await desk.query('SELECT uno, sum(orders)::INTEGER AS n FROM bad GROUP BY uno')).toEqual([
      { uno: 'good', n: BAD.length + 2 },
    ])
  })
})

describe('rows that PostgreSQL refuses', () => {
  const values = [
    order({ uno: 'u1', tnum: 1 }, 0),
    order({ uno: 'a\u0000b', tnum: 2 }, 1),
    order({ uno: 'u2', tnum: 40_000 }, 2),
    order({ uno: 'u3', tnum: 3 }, 3),
    order({ uno: 'forbidden', tnum: 4 }, 4),
  ]

  test('are in the dead letters with the server’s reason; all others are in the table, and all in the dataset', async () => {
    const desk = await scene.desk('refused', { warehouse: `postgres: { url: "${database.url}" }` })
    await database.query("CREATE TABLE small (uno text CHECK (uno <> 'forbidden'), tnum smallint, tuptime timestamp)")
    await scene.send('refused', values)
    await desk.pipeline('refused', {
      topic: 'refused',
      sinks: ['parquet: { dataset: refused }', 'postgres: { table: small }'],
    })
    const ended = await desk.run(['run', 'refused.yaml', '--once', '--json'])
    expect(ended.code, ended.stderr).toBe(0)
    expectNoTrace(ended)
    expect(JSON.parse(ended.stdout).sinks).toMatchObject({
      postgres: { rows: 2, published: 2, rejected: 3, pendingBatches: 0 },
      parquet: { published: 5, rejected: 0 },
    })
    expect(await database.query('SELECT uno, tnum FROM small ORDER BY tnum')).toEqual([
      { uno: 'u1', tnum: 1 },
      { uno: 'u3', tnum: 3 },
    ])
    expect(await desk.query('SELECT count(*)::INTEGER AS n FROM refused')).toEqual([{ n: 5 }])

    const found = await letters(desk, 'refused')
    expect(found.map(({ code, step, partition }) => ({ code, step, partition }))).toEqual(
      Array.from({ length: 3 }, () => ({ code: 'SINK_ROWS_REJECTED', step: 'postgres', partition: 'postgres/1' })),
    )
    expect(found.map(({ reason }) => reason)).toEqual([
      'invalid byte sequence for encoding "UTF8": 0x00',
      'value "40000" is out of range for type smallint (column tnum)',
      expect.stringMatching(/^new row for relation "small" violates check constraint/),
    ])
    const rows = found.map(({ valueBase64 }) => JSON.parse(Buffer.from(valueBase64 ?? '', 'base64').toString()))
    expect(rows.map(({ tnum }) => Number(tnum))).toEqual([2, 40_000, 4])
  })

  test('more than maxRejects stop the pipeline; nothing of the batch is written', async () => {
    const desk = await scene.desk('many', { warehouse: `postgres: { url: "${database.url}" }` })
    await database.query('CREATE TABLE strict (uno text, tnum smallint CHECK (tnum < 0), tuptime timestamp)')
    await scene.send('many', values)
    await desk.pipeline('many', {
      topic: 'many',
      more: 'maxRejects: 2\n',
      sinks: ['postgres: { table: strict }'],
    })
    expectMistake(await desk.run(['run', 'many.yaml', '--once']), {
      code: 'SINK_TOO_MANY_REJECTS',
      place: expect.stringMatching(/^many\.yaml:/),
      message: /^sink "postgres" refused \d rows, more than maxRejects \(2\); the last because: /,
      hint: /raise maxRejects/,
    })
    expect(await database.query('SELECT * FROM strict')).toEqual([])
  })
})

describe('a step', () => {
  test('that fails on the data is told with its place; nothing of the epoch is committed', async () => {
    const desk = await scene.desk('fails')
    await scene.send('fails', [order({ uno: 'x', tnum: 1 }, 0)])
    await desk.pipeline('fails', {
      topic: 'fails',
      steps: ['{ name: cast, sql: "SELECT uno::INTEGER AS n FROM input" }'],
      sinks: ['parquet: { dataset: fails }'],
    })
    const ended = await desk.run(['run', 'fails.yaml', '--once'])
    expectMistake(ended, {
      code: 'STEP_FAILED',
      place: expect.stringMatching(/^fails\.yaml:9:\d+$/),
      message: /^step "cast" failed on the data: .*'x'/,
      hint: /TRY_CAST/,
    })
    expect(await desk.status('fails')).toMatchObject({ state: 'failed', epoch: 0, records: { read: 0 } })
    await desk.pipeline('fails', {
      topic: 'fails',
      steps: ['{ name: cast, sql: "SELECT TRY_CAST(uno AS INTEGER) AS n FROM input" }'],
      sinks: ['parquet: { dataset: fails }'],
    })
    expect((await desk.run(['run', 'fails.yaml', '--once'])).code).toBe(0)
    expect(await desk.query('SELECT n FROM fails')).toEqual([{ n: null }])
  })
})
