import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../duckdb/index.ts'
import { RowsRejectedError } from '../errors/index.ts'
import type { Field, Row, SinkDefinition } from '../model/index.ts'
import { describeExactlyOnce } from './describe-exactly-once.ts'
import { BatchStager } from './sink-batches.ts'
import { byId, numbers, SinkFixture, type SinkTarget } from './sink-fixture.ts'

export interface SinkHarness {
  readonly delivery: SinkDefinition['delivery']
  /** Makes the target for rows of these columns; `id INTEGER` is among them, unique and never null. */
  target(columns: readonly Field[]): Promise<SinkTarget>
  /** Columns of `SINK_TEST_COLUMNS` that the target cannot hold. */
  readonly without?: readonly string[]
  /** Moments within `publish` at which the harness can pretend that the process is killed. */
  readonly crashPoints?: readonly string[]
  /** A query with rows that the target refuses, and their numbers (from 0). It has a column `id` as well. */
  readonly refused?: { readonly query: string; readonly rows: readonly number[] }
}

/** What the parts of the suite work with. */
export interface SinkSuite {
  /** A fresh target for rows like those of `query`. */
  fixture(query: string): Promise<SinkFixture>
  /** What the queries give, by id. */
  expected(...queries: string[]): Promise<Row[]>
}

/** The columns that every type is tried with: name, and SQL values of three rows. */
export const SINK_TEST_COLUMNS: Readonly<Record<string, readonly [string, string, string]>> = {
  id: ['1::INTEGER', '2', '3'],
  big: ['9007199254740993::BIGINT', '-9223372036854775808', 'NULL'],
  total: ['(170141183460469231::HUGEINT * 1000000)::HUGEINT', '-1', 'NULL'],
  price: ["'12345678901234.567'::DECIMAL(18,3)", '-0.001', 'NULL'],
  ratio: ['0.1::DOUBLE', '-1.7976931348623157e308', 'NULL'],
  not_finite: ["'nan'::DOUBLE", "'-infinity'", "'infinity'"],
  yes: ['true', 'false', 'NULL'],
  text: [`'he"said' || chr(10) || 'it''s, 😀' || chr(9) || '\\N'`, "''", 'NULL'],
  tricky: [`'\\.'`, `'NULL'`, `'a' || chr(13) || chr(10) || '"'`],
  day: ["DATE '2026-11-20'", "'1969-12-31'", 'NULL'],
  at: ["TIMESTAMP '2026-11-20 01:02:03.123456'", "'1969-12-31 23:59:59.999999'", 'NULL'],
  at_zone: ["TIMESTAMPTZ '2026-11-20 01:02:03.123456+02'", "'1999-12-31 23:59:59+00'", 'NULL'],
  bytes: [`'\\x00\\xFF\\x5Cab'::BLOB`, `''`, 'NULL'],
  list: ['[1, 2, NULL]::BIGINT[]', '[]', 'NULL'],
  struct: [`{'a': 9007199254740991::BIGINT, 'b': 'x"y'}`, `{'a': NULL, 'b': ''}`, 'NULL'],
}

/**
 * What every sink must do, run with vitest against the real target. Batches are real staged files. Sinks that promise
 * exactly-once must also notice repeated, skipped and foreign batches.
 */
export function describeSink(name: string, harness: SinkHarness): void {
  describe(`sink ${name}`, () => {
    const suite = useSuite(harness)
    describeDelivery(harness, suite)
    describeStopping(harness, suite)
    if (harness.delivery === 'exactly-once') describeExactlyOnce(suite, harness.crashPoints ?? [])
    else describeRepetition(suite)
    if (harness.refused !== undefined) describeRefusal(suite, harness.refused)
  })
}

/** The database and folder that batches are staged with, and the targets that tests have made. */
function useSuite(harness: SinkHarness): SinkSuite {
  let folder: string | undefined
  let database: Database | undefined
  let stager: BatchStager
  const targets: SinkTarget[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'describe-sink-'))
    database = await Database.open(undefined, { threads: 1 })
    stager = new BatchStager(database, folder)
  })
  afterEach(async () => {
    for (const target of targets.splice(0)) await target.close()
  })
  afterAll(async () => {
    database?.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  return {
    async fixture(query) {
      const columns = await stager.describe(query)
      const target = await harness.target(columns)
      targets.push(target)
      return new SinkFixture(target, columns, stager)
    },
    async expected(...queries) {
      return byId((await Promise.all(queries.map((query) => stager.rows(query)))).flat())
    },
  }
}

function describeDelivery(harness: SinkHarness, suite: SinkSuite): void {
  const columns = Object.entries(SINK_TEST_COLUMNS).filter(([column]) => harness.without?.includes(column) !== true)

  describe('delivers', () => {
    it.each(columns.filter(([column]) => column !== 'id'))('%s exactly', async (column, values) => {
      const rows = values.map((value, n) => `SELECT ${n + 1}::INTEGER AS id, ${value} AS "${column}"`)
      const query = `SELECT * FROM (${rows.join(' UNION ALL ')})`
      const target = await suite.fixture(query)
      await target.publish(await target.batch(1, [query]))
      expect(await target.read()).toEqual(await suite.expected(query))
    })

    it('every type in one row, from several fragments', async () => {
      const values = (n: number): string => columns.map(([column, all]) => `${all[n]} AS "${column}"`).join(', ')
      const all = `SELECT * FROM (${[0, 1, 2].map((n) => `SELECT ${values(n)}`).join(' UNION ALL ')})`
      const target = await suite.fixture(all)
      const fragments = [1, 2, 3].map((id) => `SELECT * FROM (${all}) WHERE id = ${id}`)
      await target.publish(await target.batch(1, fragments))
      expect(await target.read()).toEqual(await suite.expected(all))
    })

    it('batch after batch, over several connections', async () => {
      const target = await suite.fixture(numbers(0, 1))
      const parts = [numbers(0, 10), numbers(10, 3000), numbers(3000, 3001)] as const
      const signal = new AbortController().signal
      await target.connected(async (sink) => {
        await sink.publish(await target.batch(1, [parts[0]]), signal)
        await sink.publish(await target.batch(2, [parts[1]]), signal)
      })
      await target.publish(await target.batch(3, [parts[2]]))
      expect(await target.read()).toEqual(await suite.expected(...parts))
    })

    it('a batch whose rows were all refused: it is empty, and the next one follows it', async () => {
      const target = await suite.fixture(numbers(0, 1))
      await target.publish(await target.batch(1, []))
      expect(await target.read()).toEqual([])
      await target.publish(await target.batch(2, [numbers(0, 3)]))
      expect(await target.read()).toEqual(await suite.expected(numbers(0, 3)))
    })
  })
}

function describeStopping(harness: SinkHarness, suite: SinkSuite): void {
  describe('stops', () => {
    it('before it has written anything when it was told to', async () => {
      const target = await suite.fixture(numbers(0, 1))
      const batch = await target.batch(1, [numbers(0, 3)])
      const signal = AbortSignal.abort(new Error('stopped by the test'))
      await expect(target.publish(batch, { signal })).rejects.toThrow()
      expect(await target.read()).toEqual([])
      await target.publish(batch)
      expect(await target.read()).toEqual(await suite.expected(numbers(0, 3)))
    })

    it('without showing a part when a staged file is gone', async () => {
      const target = await suite.fixture(numbers(0, 1))
      const batch = await target.batch(1, [numbers(0, 3), numbers(3, 6)])
      await rm(batch.files.at(-1)!.path)
      await expect(target.publish(batch)).rejects.toHaveProperty('code')
      if (harness.delivery === 'exactly-once') expect(await target.read()).toEqual([])
    })

    it('without showing a part when the files hold fewer rows than were committed', async () => {
      const target = await suite.fixture(numbers(0, 1))
      const batch = await target.incomplete(1, [numbers(0, 3)])
      await expect(target.publish(batch)).rejects.toHaveProperty('code')
      if (harness.delivery === 'exactly-once') expect(await target.read()).toEqual([])
    })
  })
}

function describeRepetition(suite: SinkSuite): void {
  it('takes a batch again', async () => {
    const target = await suite.fixture(numbers(0, 1))
    const batch = await target.batch(1, [numbers(0, 3)])
    await target.publish(batch)
    await target.publish(batch)
    const distinct = new Map((await target.read()).map((row) => [row.id, row]))
    expect([...distinct.values()]).toEqual(await suite.expected(numbers(0, 3)))
  })
}

function describeRefusal(suite: SinkSuite, { query, rows }: NonNullable<SinkHarness['refused']>): void {
  it('refuses rows by number, having written nothing, and takes the others under the same id', async () => {
    const target = await suite.fixture(query)
    const error = await target.publish(await target.batch(1, [query])).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RowsRejectedError)
    const rejected = (error as RowsRejectedError).rows
    expect(rejected.map((row) => row.row)).toEqual(rows)
    for (const row of rejected) expect(row.reason).not.toBe('')
    expect(await target.read()).toEqual([])
    const numbered = `SELECT *, row_number() OVER () - 1 AS n FROM (${query})`
    const rest = `SELECT * EXCLUDE (n) FROM (${numbered}) WHERE n NOT IN (${rows.join(', ')})`
    await target.publish(await target.batch(1, [rest]))
    expect(await target.read()).toEqual(await suite.expected(rest))
  })
}
