import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Connection, Database, quoteLiteral } from '../duckdb/index.ts'
import type { Field, Row, StagedFile } from '../model/index.ts'
import { StagedBatch, writeCopy } from './batch-files.ts'
import { parquetType, planCopy } from './copy-plan.ts'

const ALL_TYPES = `
  SELECT 9007199254740993::BIGINT AS big, 170141183460469231::HUGEINT * 1000000 AS huge, 1.50::DECIMAL(18,3) AS price,
    'nan'::DOUBLE AS nan, '-infinity'::DOUBLE AS low, true AS yes, 'he"l' || chr(10) || 'lo, 😀' AS text, '' AS empty,
    NULL::VARCHAR AS nothing, '\\.' AS dot, DATE '2026-11-20' AS day, TIMESTAMP '2026-11-20 01:02:03.123456' AS at,
    TIMESTAMPTZ '2026-11-20 01:02:03.123456+02' AS at_zone, '\\x00\\xFFab'::BLOB AS bytes, [1, 2, NULL]::BIGINT[] AS list,
    {'a': 1, 'b': 'x"y'} AS struct`

const EXPECTED: Row = {
  big: '9007199254740993',
  huge: '170141183460469231000000',
  price: '1.500',
  nan: 'NaN',
  low: '-Infinity',
  yes: true,
  text: 'he"l\nlo, 😀',
  empty: '',
  nothing: null,
  dot: '\\.',
  day: '2026-11-20',
  at: '2026-11-20 01:02:03.123456',
  at_zone: '2026-11-19 23:02:03.123456+00',
  bytes: '\\x00\\xFFab',
  list: ['1', '2', null],
  struct: { a: 1, b: 'x"y' },
}

let folder: string
let database: Database
let connection: Connection

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batch-files-'))
  database = await Database.open()
  connection = await database.connect()
})
afterAll(async () => {
  database.close()
  await rm(folder, { recursive: true, force: true })
})

interface Staged {
  schema: Field[]
  files: StagedFile[]
}

async function stage(
  name: string,
  query: string,
  options: Partial<Parameters<typeof planCopy>[2]> = {},
): Promise<Staged> {
  const to = join(folder, name)
  const format = options.format ?? 'parquet'
  const schema = await connection.describe(query)
  const files = await writeCopy(connection, planCopy(query, schema, { ...options, format, to }), { format, to })
  return { schema, files }
}

function batchOf(staged: Staged, rowCount: number, format?: 'parquet' | 'ndjson'): StagedBatch {
  const id = { pipeline: 'p', incarnation: 'i', sink: 's', sequence: 1 }
  return new StagedBatch({ ...staged, id, rowCount, database, ...(format && { format }) })
}

async function readAll(batch: StagedBatch): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of batch.rows()) rows.push(row)
  return rows
}

describe('rows', () => {
  it.each(['parquet', 'ndjson'] as const)('gives every type exactly from %s', async (format) => {
    const staged = await stage(`all.${format}`, ALL_TYPES, { format })
    expect(await readAll(batchOf(staged, 1, format))).toEqual([EXPECTED])
  })

  it('keeps the order of files and of the rows in them', async () => {
    const second = await stage('b.parquet', 'SELECT range AS n FROM range(5000, 8000)')
    const first = await stage('a.parquet', 'SELECT range AS n FROM range(5000)')
    const batch = batchOf({ schema: first.schema, files: [...first.files, ...second.files] }, 8000)
    expect((await readAll(batch)).map((row) => Number(row.n))).toEqual(Array.from({ length: 8000 }, (_, n) => n))
  })

  it('gives partition columns their value and type back', async () => {
    const query = `SELECT * FROM (VALUES ('a b/=é', 1), (NULL, 2), ('', 3)) AS t(p, n)`
    const staged = await stage('parts', query, { partitionBy: [{ name: 'p', expression: 'p' }] })
    expect(staged.files).toHaveLength(3)
    const rows = await readAll(batchOf(staged, 3))
    expect(rows.toSorted((a, b) => Number(a.n) - Number(b.n))).toEqual([
      { p: 'a b/=é', n: 1 },
      { p: null, n: 2 },
      { p: '', n: 3 },
    ])
  })

  it('reads a batch without files as no rows', async () => {
    const { schema } = await stage('none.parquet', ALL_TYPES)
    expect(await readAll(batchOf({ schema, files: [] }, 0))).toEqual([])
  })

  it.each([2, 4])('fails with BATCH_INCOMPLETE where 3 rows lie and %i were committed', async (rowCount) => {
    const staged = await stage(`short-${rowCount}.parquet`, 'SELECT range AS n FROM range(3)')
    await expect(readAll(batchOf(staged, rowCount))).rejects.toMatchObject({ code: 'BATCH_INCOMPLETE' })
  })

  it('fails with BATCH_UNREADABLE where a file is gone', async () => {
    const staged = await stage('gone.parquet', 'SELECT 1 AS n')
    await rm(join(folder, 'gone.parquet'))
    await expect(readAll(batchOf(staged, 1))).rejects.toMatchObject({ code: 'BATCH_UNREADABLE' })
  })
})

describe('export', () => {
  it('writes CSV as PostgreSQL reads it', async () => {
    const staged = await stage('csv.parquet', ALL_TYPES)
    const to = join(folder, 'out.csv')
    const [file] = await batchOf(staged, 1).export({ format: 'csv', to })
    expect(file).toMatchObject({ path: to, rows: 1 })
    expect(await readFile(to, 'utf8')).toBe(
      '9007199254740993,170141183460469231000000,1.500,nan,-inf,true,"he""l\nlo, 😀","",,"\\.",2026-11-20,' +
        '2026-11-20 01:02:03.123456,2026-11-19 23:02:03.123456+00,\\x00ff6162,"[1,2,null]","{""a"":1,""b"":""x\\""y""}"\n',
    )
  })

  it('merges chosen fragments into one file and says rows and bytes', async () => {
    const parts = await Promise.all(
      [1, 2, 3].map((n) => stage(`m${n}.parquet`, `SELECT ${n} AS n, 'x' AS t FROM range(${n})`)),
    )
    const batch = batchOf({ schema: parts[0]!.schema, files: parts.flatMap((part) => part.files) }, 6)
    const to = join(folder, 'merged.parquet')
    const written = await batch.export({ format: 'parquet', to, files: batch.files.slice(1), select: ['n'] })
    expect(written).toEqual([{ path: to, rows: 5, bytes: expect.any(Number), partition: {} }])
    expect(await connection.rows(`SELECT * FROM ${quoteLiteral(to)}`)).toEqual([2, 2, 3, 3, 3].map((n) => ({ n })))
  })

  it('writes Hive partitions, more than DuckDB keeps open at a time, and loses no row', async () => {
    const staged = await stage('many.parquet', 'SELECT range % 250 AS k, range AS n FROM range(20000)')
    const to = join(folder, 'hive')
    const written = await batchOf(staged, 20000).export({
      format: 'parquet',
      to,
      partitionBy: [{ name: 'part', expression: 'k + 1' }],
    })
    expect(new Set(written.map((file) => file.partition.part)).size).toBe(250)
    const read = `SELECT count(DISTINCT n) AS n, bool_and(part = k + 1) AS fits FROM read_parquet(${quoteLiteral(`${to}/**/*.parquet`)}, hive_partitioning = true)`
    expect(await connection.rows(read)).toEqual([{ n: '20000', fits: true }])
  })

  it('leaves nothing behind when rows are missing', async () => {
    const staged = await stage('few.parquet', 'SELECT 1 AS n')
    const to = join(folder, 'never.csv')
    await expect(batchOf(staged, 2).export({ format: 'csv', to })).rejects.toMatchObject({ code: 'BATCH_INCOMPLETE' })
    await expect(readFile(to)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('says why it cannot write', async () => {
    const staged = await stage('w.parquet', 'SELECT 1 AS n')
    const to = join(folder, 'no-such-folder', 'x.parquet')
    await expect(batchOf(staged, 1).export({ format: 'parquet', to })).rejects.toMatchObject({
      code: 'BATCH_EXPORT_FAILED',
      retry: 'backoff',
    })
  })
})

describe('parquetType', () => {
  it.each([
    ['HUGEINT', 'DECIMAL(38,0)'],
    ['UHUGEINT[]', 'DECIMAL(38,0)[]'],
    ['STRUCT("HUGEINT" INTEGER, b HUGEINT)', 'STRUCT("HUGEINT" INTEGER, b DECIMAL(38,0))'],
    ['BIGINT', 'BIGINT'],
  ])('%s is stored as %s', (type, stored) => expect(parquetType(type)).toBe(stored))
})
