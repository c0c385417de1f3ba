import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Connection, Database, quoteLiteral } from '../duckdb/index.ts'
import type { Field, Json } from '../model/index.ts'
import { type Lake, openLake, type QueryLimits } from './lake.ts'
import type { ManifestEntry, PendingBatch } from './manifest.ts'

const SCHEMA: Field[] = [
  { name: 'n', type: 'INTEGER' },
  { name: 'uno', type: 'VARCHAR' },
]

let database: Database
let connection: Connection
let folder: string
let lakeDirectory: string
let lake: Lake

beforeAll(async () => {
  database = await Database.open(undefined, { threads: 1 })
  connection = await database.connect()
})
afterAll(() => database.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lake-'))
  lakeDirectory = join(folder, 'lake')
  lake = openLake(lakeDirectory, { threads: 1 })
  return () => rm(folder, { recursive: true, force: true })
})

async function parquet(path: string, query: string): Promise<void> {
  const to = join(lakeDirectory, path)
  await mkdir(dirname(to), { recursive: true })
  await connection.run(`COPY (${query}) TO ${quoteLiteral(to)} (FORMAT parquet)`)
}

const numbers = (from: number, to: number): string =>
  `SELECT range::INTEGER AS n, 'u' || range AS uno FROM range(${from}, ${to})`

function entry(sequence: number, files: string[], more: Partial<ManifestEntry> = {}): ManifestEntry {
  return {
    version: 1,
    incarnation: 'i1',
    sequence,
    rows: 10,
    schema: SCHEMA,
    partitionBy: [],
    files: files.map((path) => ({ path, rows: 10, bytes: 100, partition: {} })),
    ...more,
  }
}

function waiting(sequence: number, files: Record<string, string[]>, incarnation = 'i1'): PendingBatch {
  const { files: _, ...rest } = entry(sequence, [], { incarnation })
  return {
    ...rest,
    files: Object.entries(files).map(([path, sources]) => ({ path, sources, rows: 10, bytes: 100, partition: {} })),
  }
}

async function manifest(dataset: string, entries: ManifestEntry[], writer = 'p.s'): Promise<void> {
  const inside = join(lakeDirectory, dataset, '_headrace')
  await mkdir(inside, { recursive: true })
  await writeFile(
    join(inside, `${writer}.manifest.ndjson`),
    entries.map((each) => `${JSON.stringify(each)}\n`).join(''),
  )
}

async function pending(dataset: string, batches: PendingBatch[], writer = 'p.s'): Promise<void> {
  const inside = join(lakeDirectory, dataset, '_headrace')
  await mkdir(inside, { recursive: true })
  await writeFile(join(inside, `${writer}.pending.json`), JSON.stringify({ version: 1, batches }))
}

async function rows(sql: string, limits?: QueryLimits, from = lake): Promise<Json[][]> {
  const result = await from.query(sql, limits)
  try {
    const all: Json[][] = []
    for await (const chunk of result.chunks()) all.push(...chunk.map((row) => [...row]))
    expect(all).toHaveLength(result.rowCount)
    return all
  } finally {
    result.close()
  }
}

const count = async (table: string, from = lake): Promise<number> =>
  Number((await rows(`SELECT count(*) FROM ${table}`, undefined, from))[0]?.[0])

describe('what a dataset holds', () => {
  it('is what the manifests list, and no stray file', async () => {
    await parquet('t/a.parquet', numbers(0, 10))
    await parquet('t/b.parquet', numbers(10, 20))
    await parquet('t/stray.parquet', numbers(90, 99))
    await manifest('t', [entry(1, ['a.parquet'])])
    await manifest('t', [entry(1, ['b.parquet'], { incarnation: 'other' })], 'p.s2')
    expect(await rows('SELECT min(n), max(n), count(*) FROM t')).toEqual([[0, 19, '20']])
  })

  it('leaves out a last manifest line that is being written', async () => {
    await parquet('t/a.parquet', numbers(0, 10))
    await parquet('t/b.parquet', numbers(10, 20))
    await manifest('t', [entry(1, ['a.parquet'])])
    await appendFile(join(lakeDirectory, 't/_headrace/p.s.manifest.ndjson'), JSON.stringify(entry(2, ['b.parquet'])))
    expect(await count('t')).toBe(10)
  })

  it('includes committed fragments before they are published, once', async () => {
    await parquet('t/a.parquet', numbers(0, 10))
    await parquet('t/_headrace/staging/f2.parquet', numbers(10, 15))
    await parquet('t/_headrace/staging/f3.parquet', numbers(15, 20))
    await manifest('t', [entry(1, ['a.parquet'])])
    // Batch 1 is published already; batch 2 is not; its two fragments will become one file.
    await pending('t', [
      waiting(1, { 'a.parquet': ['_headrace/staging/f1.parquet'] }),
      waiting(2, { 'b.parquet': ['_headrace/staging/f2.parquet', '_headrace/staging/f3.parquet'] }),
    ])
    expect(await rows('SELECT count(*), count(DISTINCT n) FROM t')).toEqual([['20', '20']])
    expect(await count('t', openLake(lakeDirectory, { pending: false }))).toBe(10)
    // The publication has put the merged file in place; its manifest line is still missing and the fragments still there.
    await parquet('t/b.parquet', numbers(10, 20))
    expect(await rows('SELECT count(*), count(DISTINCT n) FROM t')).toEqual([['20', '20']])
    await manifest('t', [entry(1, ['a.parquet']), entry(2, ['b.parquet'])])
    expect(await rows('SELECT count(*), count(DISTINCT n) FROM t')).toEqual([['20', '20']])
  })

  it('ignores what another state left pending', async () => {
    await parquet('t/a.parquet', numbers(0, 10))
    await parquet('t/_headrace/staging/f.parquet', numbers(0, 10))
    await manifest('t', [entry(1, ['a.parquet'])])
    await pending('t', [waiting(2, { 'b.parquet': ['_headrace/staging/f.parquet'] }, 'old')])
    expect(await count('t')).toBe(10)
  })

  it('is readable before the first batch is published', async () => {
    await parquet('t/_headrace/staging/f.parquet', numbers(0, 7))
    await pending('t', [waiting(1, { 'a.parquet': ['_headrace/staging/f.parquet'] })])
    expect(await count('t')).toBe(7)
  })

  it('follows a file that a publication moves while a query begins', async () => {
    await parquet('t/_headrace/staging/f.parquet', numbers(0, 7))
    await pending('t', [waiting(1, { 'a.parquet': ['_headrace/staging/f.parquet'] })])
    const target = join(lakeDirectory, 't/a.parquet')
    const source = join(lakeDirectory, 't/_headrace/staging/f.parquet')
    for (let turn = 0; turn < 10; turn++) {
      const moved = turn % 2 === 0 ? rename(source, target) : rename(target, source)
      const [seen] = await Promise.all([count('t'), moved])
      expect(seen).toBe(7)
    }
  })

  it('gives partition columns in the place and type of the rows’ own columns', async () => {
    await parquet('t/day=2026-11-20/uno=a%20b/x.parquet', 'SELECT 1::INTEGER AS n')
    await parquet('t/day=2026-11-21/uno=__HIVE_DEFAULT_PARTITION__/x.parquet', 'SELECT 2::INTEGER AS n')
    const partitionBy = [
      { name: 'day', type: 'DATE' },
      { name: 'uno', type: 'VARCHAR' },
    ]
    const schema = [SCHEMA[1]!, SCHEMA[0]!]
    const files = ['day=2026-11-20/uno=a%20b/x.parquet', 'day=2026-11-21/uno=__HIVE_DEFAULT_PARTITION__/x.parquet']
    await manifest('t', [entry(1, files, { partitionBy, schema })])
    const result = await lake.query('SELECT * FROM t ORDER BY n')
    expect(result.columns).toEqual([...schema, { name: 'day', type: 'DATE' }])
    result.close()
    expect(await rows('SELECT * FROM t ORDER BY n')).toEqual([
      ['a b', 1, '2026-11-20'],
      [null, 2, '2026-11-21'],
    ])
    expect(await rows("SELECT n FROM t WHERE day = DATE '2026-11-21'")).toEqual([[2]])
  })

  it('takes the text NULL in a folder’s name for a text, and still reads only the files that a filter leaves', async () => {
    const folders = ['uno=NULL', 'uno=null', 'uno=__HIVE_DEFAULT_PARTITION__', 'uno=', 'uno=x']
    for (const [n, folder] of folders.entries()) {
      await parquet(`t/${folder}/f.parquet`, `SELECT ${n}::INTEGER AS n, 'own' AS filename`)
      await parquet(`u/${folder}/f.parquet`, `SELECT ${n}::INTEGER AS n`)
    }
    const partitionBy = [{ name: 'uno', type: 'VARCHAR' }]
    const files = folders.map((folder) => `${folder}/f.parquet`)
    await manifest('t', [entry(1, files, { partitionBy, schema: [...SCHEMA, { name: 'filename', type: 'VARCHAR' }] })])
    await manifest('u', [entry(1, files, { partitionBy })])
    const texts = ['NULL', 'null', null, '', 'x']
    expect(await rows('SELECT uno, filename FROM t ORDER BY n')).toEqual(texts.map((text) => [text, 'own']))
    expect(await rows('SELECT uno FROM u ORDER BY n')).toEqual(texts.map((text) => [text]))
    await writeFile(join(lakeDirectory, 'u/uno=x/f.parquet'), 'never opened')
    expect(await rows("SELECT n FROM u WHERE uno = 'NULL'")).toEqual([[0]])
  })

  it('reads batches of several schemas together', async () => {
    await parquet('t/a.parquet', numbers(0, 2))
    await parquet('t/b.parquet', `SELECT 2::BIGINT AS n, 'x' AS extra`)
    const schema = [
      { name: 'n', type: 'BIGINT' },
      { name: 'extra', type: 'VARCHAR' },
    ]
    await manifest('t', [entry(1, ['a.parquet']), entry(2, ['b.parquet'], { schema })])
    expect(await rows('SELECT n, uno, extra FROM t ORDER BY n')).toEqual([
      ['0', 'u0', null],
      ['1', 'u1', null],
      ['2', null, 'x'],
    ])
  })

  it('is any Parquet file where there is no manifest, hidden ones apart', async () => {
    await parquet('plain/year=2025/a.parquet', numbers(0, 2))
    await parquet('plain/year=2026/a.parquet', numbers(2, 4))
    await parquet('plain/_temporary/a.parquet', numbers(4, 6))
    await parquet('deep/er/a.parquet', numbers(0, 3))
    expect((await lake.datasets()).map((dataset) => dataset.name)).toEqual(['deep/er', 'plain'])
    expect(await rows('SELECT count(*), min(year) FROM plain')).toEqual([['4', '2025']])
    expect(await count('"deep/er"')).toBe(3)
  })

  it('is described with columns, files, rows and bytes', async () => {
    await parquet('t/a.parquet', numbers(0, 10))
    await manifest('t', [entry(1, ['a.parquet'])])
    const described = { name: 't', columns: SCHEMA, files: 1, rows: 10, bytes: 100 }
    expect(await lake.describe('t')).toMatchObject(described)
    expect(await rows('DESCRIBE t')).toHaveLength(2)
    expect(await rows('SHOW TABLES')).toEqual([['t']])
    expect(await rows('SUMMARIZE t')).toHaveLength(2)
    expect(await rows('EXPLAIN SELECT * FROM t')).toHaveLength(1)
  })
})

describe('results', () => {
  it('are exact', async () => {
    const sql =
      "SELECT 9007199254740993::BIGINT, 1.50::DECIMAL(9,2), TIMESTAMP '2026-11-20 01:02:03.123456', 'é', NULL, 'nan'::DOUBLE"
    expect(await rows(sql)).toEqual([['9007199254740993', '1.50', '2026-11-20 01:02:03.123456', 'é', null, 'NaN']])
  })

  it('end at maxRows and say so', async () => {
    const sql = 'SELECT range AS n FROM range(10000) ORDER BY n -- all of them'
    const result = await lake.query(sql, { maxRows: 3000 })
    expect(result).toMatchObject({ rowCount: 3000, truncated: true })
    result.close()
    expect((await rows(sql, { maxRows: 3000 })).at(-1)).toEqual(['2999'])
    const all = await lake.query(`${sql};`.replace(' -- all of them;', ';'), { maxRows: 10000 })
    expect(all).toMatchObject({ rowCount: 10000, truncated: false })
    all.close()
  })

  it.each(['csv', 'json', 'ndjson', 'parquet'] as const)('are written as %s', async (format) => {
    const to = join(folder, `result.${format}`)
    const written = await lake.export("SELECT 1 AS a, 'x,y' AS b, sum(2)::HUGEINT AS c; -- end", { format, to })
    expect(written).toBe(1)
    const expected = {
      csv: 'a,b,c\n1,"x,y",2\n',
      json: '[\n\t{"a":1,"b":"x,y","c":2}\n]\n',
      ndjson: '{"a":1,"b":"x,y","c":2}\n',
    }
    if (format === 'parquet') {
      expect(await connection.rows(`SELECT * FROM ${quoteLiteral(to)}`)).toEqual([{ a: 1, b: 'x,y', c: '2' }])
    } else {
      expect(await readFile(to, 'utf8')).toBe(expected[format])
    }
    expect(await readdir(folder)).toEqual([`result.${format}`])
  })

  it('are not written in part', async () => {
    const to = join(folder, 'result.csv')
    const failing = "SELECT CAST(CASE WHEN range = 90000 THEN 'x' ELSE '1' END AS INTEGER) FROM range(100000)"
    await expect(lake.export(failing, { format: 'csv', to })).rejects.toMatchObject({ code: 'QUERY_FAILED' })
    await expect(lake.export('SELECT 1', { format: 'csv', to: join(folder, 'no/such/x.csv') })).rejects.toMatchObject({
      code: 'QUERY_OUTPUT_FAILED',
    })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('mistakes', () => {
  it('a dataset without rows disturbs nobody who only uses its name for something else', async () => {
    expect(await rows('SELECT count(*) AS empty FROM trades')).toEqual([['10']])
  })

  it('what DuckDB suggests is the hint', async () => {
    await expect(lake.query('SELECT noo FROM trades')).rejects.toMatchObject({
      message: '1:8: Referenced column "noo" not found in FROM clause',
      hint: 'Candidate bindings: "n", "uno"',
    })
  })

  beforeEach(async () => {
    await parquet('trades/a.parquet', numbers(0, 10))
    await mkdir(join(lakeDirectory, 'empty/_headrace'), { recursive: true })
  })

  it.each([
    ['SELECT n\nFORM trades', 'QUERY_SYNTAX', { line: 2, column: 6 }],
    ["SELECT 'é', noo FROM trades", 'QUERY_INVALID', { line: 1, column: 13 }],
    ['SELECT nofunction(n) FROM trades', 'QUERY_INVALID', { line: 1, column: 8 }],
    ['SELECT n FROM trade', 'QUERY_TABLE_UNKNOWN', { line: 1, column: 15, table: 'trade' }],
    ['SELECT CAST(uno AS INTEGER) FROM trades', 'QUERY_FAILED', {}],
    ['SELECT * FROM empty', 'QUERY_DATASET_EMPTY', { dataset: 'empty' }],
    ['\n SELEC 1', 'QUERY_SYNTAX', { line: 2, column: 2 }],
    ['', 'QUERY_NOT_ALLOWED', {}],
    ['  -- nothing', 'QUERY_NOT_ALLOWED', {}],
  ])('%j is %s', async (sql, code, details) => {
    const error = await lake.query(sql).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, details })
  })

  it('name the datasets that there are', async () => {
    await expect(lake.query('SELECT * FROM trade')).rejects.toMatchObject({ hint: 'The datasets are empty, trades.' })
    await expect(openLake(join(folder, 'none')).query('FROM x')).rejects.toMatchObject({ code: 'QUERY_TABLE_UNKNOWN' })
  })

  it('of a lost file are the dataset’s, and disturb no other one', async () => {
    await manifest('lost', [entry(1, ['gone.parquet'])])
    await expect(lake.query('SELECT * FROM lost')).rejects.toMatchObject({
      code: 'QUERY_DATASET_DAMAGED',
      details: { dataset: 'lost' },
    })
    expect(await count('trades')).toBe(10)
  })
})

describe('the sandbox', () => {
  beforeEach(async () => {
    await parquet('trades/a.parquet', numbers(0, 10))
    await mkdir(join(folder, 'lake2'), { recursive: true })
    await writeFile(join(folder, 'lake2/secret.csv'), 'a\n1\n')
    await writeFile(join(folder, 'secret.csv'), 'a\n1\n')
  })

  it.each([
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_csv('LAKE/../secret.csv')",
    "SELECT * FROM read_csv('LAKE/trades/../../secret.csv')",
    "SELECT * FROM read_csv('LAKE2/secret.csv')",
    "SELECT * FROM read_text('http://127.0.0.1:1/')",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
    "COPY (SELECT 1) TO 'LAKE/evil.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'LAKE/evil.csv'",
    "EXPLAIN (ANALYZE) /* x */ COPY (SELECT 1) TO 'LAKE/evil.csv'",
    "/* SELECT /* */ */ COPY (SELECT 1) TO 'LAKE/evil.csv'",
    "SELECT 1; COPY (SELECT 1) TO 'LAKE/evil.csv'",
    "ATTACH 'LAKE/evil.db'",
    "EXPORT DATABASE 'LAKE/evil'",
    'INSTALL httpfs',
    'LOAD httpfs',
    "SET allowed_directories = ['/']",
    'RESET lock_configuration',
    'PRAGMA database_list',
    'CALL pragma_version()',
    'CREATE TABLE x AS SELECT 1',
    'DROP VIEW trades',
    'INSERT INTO trades VALUES (1)',
    'CHECKPOINT',
    'PREPARE p AS SELECT 1',
  ])('refuses %s', async (sql) => {
    const text = sql.replaceAll('LAKE', lakeDirectory)
    await expect(lake.query(text)).rejects.toMatchObject({ code: 'QUERY_NOT_ALLOWED' })
    const output = { format: 'csv' as const, to: join(folder, 'out.csv') }
    await expect(lake.export(text, output)).rejects.toMatchObject({ code: 'QUERY_NOT_ALLOWED' })
    expect(await readdir(folder)).toEqual(['lake', 'lake2', 'secret.csv'])
    expect(await readdir(lakeDirectory, { recursive: true })).toEqual(['trades', 'trades/a.parquet'])
  })

  it('knows no environment', async () => {
    await expect(lake.query("SELECT getenv('HOME')")).rejects.toMatchObject({ code: 'QUERY_INVALID' })
  })
})

describe('stopping', () => {
  const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10000000) AS a, range(10000000) AS b'

  it('after the timeout', async () => {
    await expect(lake.query(ENDLESS, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' })
  })

  it('by a signal', async () => {
    const controller = new AbortController()
    const query = lake.query(ENDLESS, { signal: controller.signal })
    controller.abort()
    await expect(query).rejects.toMatchObject({ code: 'QUERY_CANCELLED' })
    await expect(lake.query('SELECT 1', { signal: controller.signal })).rejects.toMatchObject({
      code: 'QUERY_CANCELLED',
    })
  })
})
