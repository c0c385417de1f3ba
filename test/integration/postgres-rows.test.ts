import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { adapters } from '@headrace/adapters'
import { type Batch, type LogLine, RowsRejectedError, type Sink } from '@headrace/core'
import { BatchStager, Database, SINK_TEST_ID } from '@headrace/core/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, TestPostgres } from './support/postgres-databases.ts'

const { createSink } = await adapters.find((adapter) => adapter.name === 'postgres')!.sink!.load()
const never = new AbortController().signal

let server: TestPostgres
let folder: string
let duckdb: Database
let stager: BatchStager
let database: TestDatabase
let sinks: Sink[]
let log: LogLine[]

beforeAll(async () => {
  server = await TestPostgres.start()
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-batches-'))
  duckdb = await Database.open(undefined, { threads: 2 })
  stager = new BatchStager(duckdb, folder)
})
afterAll(async () => {
  duckdb.close()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  database = await server.createDatabase()
  sinks = []
  log = []
})
afterEach(async () => {
  for (const sink of sinks) await sink.close()
  await database.drop()
})

function open(
  config: Record<string, unknown> = {},
  connection: Record<string, unknown> = {},
  columns?: Batch['schema'],
) {
  const full = { connection: 'warehouse', table: 'trades', createTable: true, ...config }
  const sink = createSink(full as never, {
    pipeline: SINK_TEST_ID.pipeline,
    name: SINK_TEST_ID.sink,
    lakeDirectory: '/nowhere',
    connection: { url: database.url, ...connection },
    log: (line) => log.push(line),
    ...(columns === undefined ? {} : { columns }),
  })
  sinks.push(sink)
  return sink
}

async function connected(config: Record<string, unknown> = {}): Promise<Sink> {
  const sink = open(config)
  await sink.connect(never)
  return sink
}

async function batchOf(sequence: number, ...fragments: string[]): Promise<Batch> {
  const columns = await stager.describe(fragments[0] ?? '')
  return stager.stage({ ...SINK_TEST_ID, sequence }, { format: 'parquet' }, columns, fragments)
}

async function failure(work: Promise<unknown>): Promise<Record<string, unknown> & Error> {
  return work.then(
    () => expect.unreachable('it should have failed'),
    (error) => error,
  )
}

/** The rows that the sink refuses, with reasons by row number. */
async function refusals(sink: Sink, batch: Batch): Promise<Record<number, string>> {
  const error = await failure(sink.publish(batch, never))
  expect(error).toBeInstanceOf(RowsRejectedError)
  return Object.fromEntries((error as unknown as RowsRejectedError).rows.map(({ row, reason }) => [row, reason]))
}

describe('rows with a key', () => {
  test('are inserted, then updated, except for what is written once', async () => {
    const sink = await connected({ key: ['uno'], insertOnly: ['first_items', 'created_at'] })
    await sink.publish(await batchOf(1, `SELECT 'u1' AS uno, 5 AS items, 5 AS first_items`), never)
    expect(log).toMatchObject([{ code: 'POSTGRES_TABLE_CREATED' }])
    const [before] = await database.query<{ created_at: Date }>('SELECT created_at FROM trades')
    const two = `SELECT * FROM (VALUES ('u1', 7, 7), ('u2', 1, 1)) AS t(uno, items, first_items)`
    await sink.publish(await batchOf(2, two), never)
    expect(await database.query('SELECT uno, items, first_items FROM trades ORDER BY uno')).toEqual([
      { uno: 'u1', items: 7, first_items: 5 },
      { uno: 'u2', items: 1, first_items: 1 },
    ])
    expect(await database.query('SELECT created_at FROM trades ORDER BY uno LIMIT 1')).toEqual([before])
  })

  test('that come several times in a batch: the last one wins, over row groups and files', async () => {
    const sink = await connected({ key: ['k'] })
    const part = (from: number, to: number) =>
      `SELECT range % 1000 AS k, range AS n, repeat('x', (range % 70)::INTEGER) AS pad FROM range(${from}, ${to})`
    await sink.publish(await batchOf(1, part(0, 260_500), part(260_500, 261_000)), never)
    const [found] = await database.query(
      'SELECT count(*)::int AS rows, min(n)::int, max(n)::int, sum(n)::int FROM trades',
    )
    expect(found).toEqual({ rows: 1000, min: 260_000, max: 260_999, sum: 260_499_500 })
  })

  test('go to a table of other types, other letter case and a column more', async () => {
    await database.query(`CREATE SCHEMA sales;
      CREATE TABLE sales.trades ("UNO" varchar(4), day timestamptz, doc jsonb, n numeric(6,2), note text DEFAULT 'none', UNIQUE (day, "UNO"))`)
    const sink = await connected({ table: 'sales.trades', key: ['uno', 'day'], createTable: false })
    const row = `SELECT 'u1' AS uno, TIMESTAMP '2026-11-20 01:02:03' AS day, {'a': [1, 2]} AS doc, 1.005 AS n`
    await sink.publish(await batchOf(1, row), never)
    expect(await database.query(`SELECT "UNO", day::text, doc, n, note FROM sales.trades`)).toEqual([
      { UNO: 'u1', day: '2026-11-20 01:02:03+00', doc: { a: [1, 2] }, n: '1.01', note: 'none' },
    ])
  })

  test('whose every column is fixed leave what is there alone', async () => {
    const sink = await connected({ key: ['uno'], insertOnly: ['n'] })
    await sink.publish(await batchOf(1, `SELECT 'u1' AS uno, 1 AS n`), never)
    await sink.publish(await batchOf(2, `SELECT 'u1' AS uno, 2 AS n`), never)
    expect(await database.query('SELECT * FROM trades')).toEqual([{ uno: 'u1', n: 1 }])
  })
})

test('less common types come through into columns that hold them', async () => {
  const sink = await connected()
  const row = `SELECT 18446744073709551615::UBIGINT AS ubig, 255::UTINYINT AS tiny, INTERVAL '1 year 2 days 03:04:05.5' AS span,
    TIME '01:02:03.000004' AS clock, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS id, TIMESTAMP_NS '2026-11-20 01:02:03.123456' AS ns,
    'b'::ENUM('a', 'b') AS choice, DATE '0044-03-15 (BC)' AS ides, '{"a": [1]}'::JSON AS doc, MAP {'k': 1} AS pairs, 0.1::FLOAT AS real`
  await sink.publish(await batchOf(1, row), never)
  expect(
    await database.query(
      `SELECT ubig, tiny, span::text, clock::text, id, ns::text, choice, ides::text, doc, pairs, real FROM trades`,
    ),
  ).toEqual([
    {
      ubig: '18446744073709551615',
      tiny: 255,
      span: '1 year 2 days 03:04:05.5',
      clock: '01:02:03.000004',
      id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      ns: '2026-11-20 01:02:03.123456',
      choice: 'b',
      ides: '0044-03-15 BC',
      doc: { a: [1] },
      pairs: { k: 1 },
      real: 0.1,
    },
  ])
})

describe('rows that the server refuses', () => {
  const table = `CREATE TABLE trades (id int PRIMARY KEY, name varchar(5), n smallint CHECK (n <> 13), code text UNIQUE,
    at timestamptz DEFAULT now(), day int UNIQUE DEFERRABLE INITIALLY DEFERRED)`
  const row = (id: string, name = "'ok'", n = '1', code = 'NULL', day = 'NULL') =>
    `SELECT ${id}::INTEGER AS id, ${name}::VARCHAR AS name, ${n}::INTEGER AS n, ${code}::VARCHAR AS code, ${day}::INTEGER AS day`
  const bad = [
    row('1'),
    row('2', "'too long'"),
    row('3', "'ok'", '40000'),
    row('4', "'ok'", '13'),
    row('NULL'),
    row('6', "'a' || chr(10) || '\"'"),
    row('7', "'ok'", '1', "'x'"),
    row('8', "'ok'", '1', "'x'"),
    row('9', "'ok'", '1', 'NULL', '77'),
    row('10', "'ok'", '1', 'NULL', '77'),
    row('11', "'a' || chr(0)"),
  ]

  test.each([
    ['by key', { key: ['id'] }],
    ['without a key', {}],
  ])('are all found with the reason, and nothing is written: %s', async (_, config) => {
    await database.query(table)
    const sink = await connected(config)
    const found = await refusals(sink, await batchOf(1, bad.join(' UNION ALL ')))
    expect(found).toEqual({
      1: 'value too long for type character varying(5) (column name)',
      2: 'value "40000" is out of range for type smallint (column n)',
      3: 'new row for relation "trades" violates check constraint "trades_n_check"',
      4: expect.stringMatching(/NULL|null value in column "id"/),
      7: 'duplicate key value violates unique constraint "trades_code_key"',
      9: 'duplicate key value violates unique constraint "trades_day_key"',
      10: 'invalid byte sequence for encoding "UTF8": 0x00',
    })
    expect(await database.query('SELECT * FROM trades')).toEqual([])
    expect(await database.query('SELECT * FROM headrace.batches')).toEqual([])
    const good = bad.filter((_, i) => found[i] === undefined)
    await sink.publish(await batchOf(1, good.join(' UNION ALL ')), never)
    expect(await database.query('SELECT id FROM trades ORDER BY id')).toEqual([1, 6, 7, 9].map((id) => ({ id })))
  })

  test('a row that another one of its batch replaces is never written, so never refused', async () => {
    await database.query(table)
    const sink = await connected({ key: ['id'] })
    await sink.publish(await batchOf(1, `${row('1', "'ok'", '13')} UNION ALL ${row('1')}`), never)
    const found = await refusals(sink, await batchOf(2, `${row('1')} UNION ALL ${row('1', "'ok'", '13')}`))
    expect(Object.keys(found)).toEqual(['1'])
  })

  test('no more than a thousand at a time', async () => {
    await database.query('CREATE TABLE trades (id int CHECK (id >= 0))')
    const sink = await connected()
    const found = await refusals(sink, await batchOf(1, 'SELECT range::INTEGER - 1500 AS id FROM range(2000)'))
    expect(Object.keys(found).map(Number)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })
})

describe('a table that does not fit', () => {
  const columns = [
    { name: 'uno', type: 'VARCHAR' },
    { name: 'items', type: 'HUGEINT' },
  ]
  const connecting = (config: Record<string, unknown> = {}) =>
    failure(open({ createTable: false, ...config }, {}, columns).connect(never))

  test('is missing: the statement that makes it is in the hint', async () => {
    expect(await connecting({ key: ['uno'] })).toMatchObject({
      code: 'POSTGRES_TABLE_MISSING',
      hint: expect.stringContaining(
        'CREATE TABLE "public"."trades" ("uno" text, "items" numeric(39,0), PRIMARY KEY ("uno"))',
      ),
    })
  })

  test('is made when the sink connects, with its schema, where that is wanted', async () => {
    await open({ table: 'new.trades', key: ['uno'] }, {}, columns).connect(never)
    expect(await database.query('SELECT * FROM new.trades')).toEqual([])
  })

  test('a table called like the ledger lies in another schema than it', async () => {
    const sink = await connected({ table: 'batches' })
    await sink.publish(await batchOf(1, 'SELECT 1::INTEGER AS id'), never)
    expect(await database.query('SELECT id FROM public.batches')).toEqual([{ id: 1 }])
    await connected({ table: 'batches', createTable: false })
  })

  test.each([
    ['(uno text)', {}, 'POSTGRES_COLUMN_MISSING'],
    ['(uno text, items numeric)', { key: ['uno'] }, 'POSTGRES_KEY_NOT_UNIQUE'],
    ['(uno text, items numeric, UNIQUE (uno) DEFERRABLE)', { key: ['uno'] }, 'POSTGRES_KEY_NOT_UNIQUE'],
    ['(uno text, items numeric, UNIQUE (uno, items))', { key: ['uno'] }, 'POSTGRES_KEY_NOT_UNIQUE'],
    ['(uno text, items numeric, region text NOT NULL)', {}, 'POSTGRES_COLUMN_REQUIRED'],
    ['(uno text, items numeric GENERATED ALWAYS AS (1) STORED)', {}, 'POSTGRES_COLUMN_NOT_WRITABLE'],
  ])('%s with %j is %s', async (definition, config, code) => {
    await database.query(`CREATE TABLE trades ${definition}`)
    expect(await connecting(config)).toMatchObject({ code, fault: 'user' })
  })

  test('a partial unique index is no key; a whole one is', async () => {
    await database.query('CREATE TABLE trades (uno text, items numeric)')
    await database.query('CREATE UNIQUE INDEX ON trades (uno) WHERE items > 0')
    expect(await connecting({ key: ['uno'] })).toMatchObject({ code: 'POSTGRES_KEY_NOT_UNIQUE' })
    await database.query('CREATE UNIQUE INDEX ON trades (uno) INCLUDE (items)')
    await open({ key: ['uno'] }, {}, columns).connect(never)
  })

  test('a view takes rows as well', async () => {
    await database.query('CREATE TABLE base (uno text, items numeric); CREATE VIEW trades AS SELECT * FROM base')
    const sink = await connected()
    await sink.publish(await batchOf(1, `SELECT 'u' AS uno, 1::HUGEINT AS items`), never)
    expect(await database.query('SELECT * FROM base')).toEqual([{ uno: 'u', items: '1' }])
  })
})

describe('the connection', () => {
  const connecting = (connection: Record<string, unknown>) => failure(open({}, connection).connect(never))

  test('is refused without showing the password', async () => {
    const error = await connecting({ password: 'not-the-password' })
    expect(error).toMatchObject({ code: 'POSTGRES_AUTH_FAILED', retry: 'never' })
    expect(inspect(error, { depth: 10 })).not.toContain('not-the-password')
    expect(await connecting({ database: 'nowhere' })).toMatchObject({ code: 'POSTGRES_DATABASE_MISSING' })
    expect(await connecting({ ssl: 'verify-full' })).toMatchObject({ code: 'POSTGRES_TLS_FAILED' })
  })

  test('finds nobody there', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    const { port } = await new Promise<{ port: number }>((resolve) => {
      taken.on('listening', () => resolve(taken.address() as { port: number }))
    })
    await new Promise((resolve) => taken.close(resolve))
    const error = await connecting({ port })
    expect(error).toMatchObject({ code: 'POSTGRES_UNREACHABLE', retry: 'backoff' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
  })

  test('belongs to a user who may not do it', async () => {
    await database.query(
      `CREATE TABLE trades (id int); DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'r'`,
    )
    expect(await connecting({ user: 'reader', password: 'r' })).toMatchObject({
      code: 'POSTGRES_PERMISSION_DENIED',
      hint: expect.stringContaining('CREATE TABLE IF NOT EXISTS headrace.batches'),
    })
    await connected()
    await database.query(
      'GRANT USAGE ON SCHEMA headrace TO reader; GRANT SELECT, INSERT, UPDATE ON headrace.batches TO reader',
    )
    const sink = open({}, { user: 'reader', password: 'r' })
    await sink.connect(never)
    const error = await failure(sink.publish(await batchOf(1, 'SELECT 1::INTEGER AS id'), never))
    expect(error).toMatchObject({ code: 'POSTGRES_PERMISSION_DENIED', message: expect.stringContaining('trades') })
    expect(await database.query('SELECT * FROM headrace.batches')).toEqual([])
    await database.query('GRANT CREATE ON SCHEMA public TO reader')
    const maker = open({ table: 'own' }, { user: 'reader', password: 'r' })
    await maker.connect(never)
    await maker.publish(await batchOf(1, 'SELECT 1::INTEGER AS id'), never)
    expect(await database.query('SELECT id FROM public.own')).toEqual([{ id: 1 }])
  })

  test('breaks between two batches: the next one has a new one', async () => {
    const sink = await connected()
    await sink.publish(await batchOf(1, 'SELECT 1::INTEGER AS id'), never)
    await database.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'headrace'`)
    const two = await batchOf(2, 'SELECT 2::INTEGER AS id')
    // Whether the end of the old connection has been heard of yet is a matter of luck: if not, it is an error to retry.
    await sink.publish(two, never).catch((error) => expect(error).toMatchObject({ retry: 'backoff' }))
    await sink.publish(two, never)
    expect(await database.query('SELECT id FROM trades ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
  })

  test('is given up when the run ends while the table is locked', async () => {
    const sink = await connected()
    await sink.publish(await batchOf(1, 'SELECT 1::INTEGER AS id'), never)
    await database.query('BEGIN; LOCK TABLE trades')
    const stopping = new AbortController()
    const publishing = failure(sink.publish(await batchOf(2, 'SELECT 2::INTEGER AS id'), stopping.signal))
    const waiting = `SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE NOT granted AND d.datname = current_database()`
    while ((await database.query(waiting)).length === 0);
    stopping.abort(new Error('the run ends'))
    expect((await publishing).message).toBe('the run ends')
    await database.query('ROLLBACK')
    expect(await database.query('SELECT id FROM trades')).toEqual([{ id: 1 }])
  })
})

test('two processes that publish one batch at the same time write it once', async () => {
  const pair = await Promise.all([connected(), connected()])
  const batch = await batchOf(1, 'SELECT range::INTEGER AS id FROM range(5000)')
  const copy = await batchOf(1, 'SELECT range::INTEGER AS id FROM range(5000)')
  await Promise.all([pair[0].publish(batch, never), pair[1].publish(copy, never)])
  expect(await database.query('SELECT count(*)::int AS rows FROM trades')).toEqual([{ rows: 5000 }])
  expect((await readdir(folder)).filter((name) => name.endsWith('.csv'))).toEqual([])
})
