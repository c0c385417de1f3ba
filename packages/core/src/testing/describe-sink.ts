import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../duckdb/index.ts'
import { RowsRejectedError } from '../errors/index.ts'
import type { Batch, BatchId, Field, Row, Sink, SinkDefinition, Staging } from '../model/index.ts'
import { BatchStager, type ReadRow } from './sink-batches.ts'

/** What names the batches of one target: the sink's own context should carry the same pipeline and sink names. */
export const SINK_TEST_ID = { pipeline: 'conformance', incarnation: 'a1b2c3d4e5f60718', sink: 'under_test' } as const

/** An empty target that one test has for itself: a folder, a table. */
export interface SinkTarget {
  readonly staging: Staging
  /** A sink over the target as a new process would make it; not connected. With `crashAt`, publish throws there as if killed. */
  open(crashAt?: string): Sink
  /** All rows that a reader sees, in any order. */
  read(columns: readonly Field[]): Promise<readonly ReadRow[]>
  close(): Promise<void>
}

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

/** The columns of the test that every type comes through: name and SQL values of three rows. */
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
    const signal = new AbortController().signal
    let folder: string
    let database: Database
    let stager: BatchStager
    const open: SinkTarget[] = []

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'describe-sink-'))
      database = await Database.open(undefined, { threads: 1 })
      stager = new BatchStager(database, folder)
    })
    afterEach(async () => {
      for (const target of open.splice(0)) await target.close()
    })
    afterAll(async () => {
      database?.close()
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    })

    /** A fresh target with what the tests do to it. */
    async function fixture(query: string) {
      const columns = await stager.describe(query)
      const target = await harness.target(columns)
      open.push(target)
      const batch = (sequence: number, fragments: readonly string[], id: Partial<BatchId> = {}): Promise<Batch> =>
        stager.stage({ ...SINK_TEST_ID, ...id, sequence }, target.staging, columns, fragments)
      const connected = async <T>(work: (sink: Sink) => Promise<T>, crashAt?: string): Promise<T> => {
        const sink = target.open(crashAt)
        try {
          await sink.connect(signal)
          return await work(sink)
        } finally {
          await sink.close()
        }
      }
      const publish = (batch: Batch, crashAt?: string): Promise<void> =>
        connected((sink) => sink.publish(batch, signal), crashAt)
      const read = async (): Promise<Row[]> => byId(await stager.canonical(columns, await target.read(columns)))
      return { batch, connected, publish, read }
    }
    const expected = async (...queries: string[]): Promise<Row[]> =>
      byId((await Promise.all(queries.map((query) => stager.rows(query)))).flat())

    describe('delivers', () => {
      const columns = Object.entries(SINK_TEST_COLUMNS).filter(([column]) => harness.without?.includes(column) !== true)

      it.each(columns.filter(([column]) => column !== 'id'))('%s exactly', async (column, values) => {
        const query = `SELECT * FROM (${values.map((value, n) => `SELECT ${n + 1}::INTEGER AS id, ${value} AS "${column}"`).join(' UNION ALL ')})`
        const { batch, publish, read } = await fixture(query)
        await publish(await batch(1, [query]))
        expect(await read()).toEqual(await expected(query))
      })

      it('every type in one row, from several fragments', async () => {
        const selects = [0, 1, 2].map(
          (n) => `SELECT ${columns.map(([column, values]) => `${values[n]} AS "${column}"`).join(', ')}`,
        )
        const all = `SELECT * FROM (${selects.join(' UNION ALL ')})`
        const fragments = [1, 2, 3].map((id) => `SELECT * FROM (${all}) WHERE id = ${id}`)
        const { batch, publish, read } = await fixture(all)
        await publish(await batch(1, fragments))
        expect(await read()).toEqual(await expected(all))
      })

      it('batch after batch, over several connections', async () => {
        const { batch, connected, publish, read } = await fixture(numbers(0, 1))
        const [first, second, third] = [numbers(0, 10), numbers(10, 3000), numbers(3000, 3001)]
        await connected(async (sink) => {
          await sink.publish(await batch(1, [first]), signal)
          await sink.publish(await batch(2, [second]), signal)
        })
        await publish(await batch(3, [third]))
        expect(await read()).toEqual(await expected(first, second, third))
      })

      it('a batch whose rows were all refused: it is empty, and the next one follows it', async () => {
        const { batch, publish, read } = await fixture(numbers(0, 1))
        await publish(await batch(1, []))
        expect(await read()).toEqual([])
        await publish(await batch(2, [numbers(0, 3)]))
        expect(await read()).toEqual(await expected(numbers(0, 3)))
      })
    })

    describe('stops', () => {
      it('before it has written anything when it was told to', async () => {
        const { batch, connected, publish, read } = await fixture(numbers(0, 1))
        const one = await batch(1, [numbers(0, 3)])
        const stopped = AbortSignal.abort(new Error('stopped by the test'))
        await expect(connected((sink) => sink.publish(one, stopped))).rejects.toThrow()
        expect(await read()).toEqual([])
        await publish(one)
        expect(await read()).toEqual(await expected(numbers(0, 3)))
      })

      it('without showing a part when a staged file is gone', async () => {
        const { batch, publish, read } = await fixture(numbers(0, 1))
        const broken = await batch(1, [numbers(0, 3), numbers(3, 6)])
        await rm(broken.files.at(-1)!.path)
        await expect(publish(broken)).rejects.toHaveProperty('code')
        if (harness.delivery === 'exactly-once') expect(await read()).toEqual([])
      })
    })

    if (harness.delivery === 'at-least-once') {
      it('takes a batch again', async () => {
        const { batch, publish, read } = await fixture(numbers(0, 1))
        const one = await batch(1, [numbers(0, 3)])
        await publish(one)
        await publish(one)
        const distinct = new Map((await read()).map((row) => [row.id, row]))
        expect([...distinct.values()]).toEqual(await expected(numbers(0, 3)))
      })
    } else {
      describeExactlyOnce(fixture, expected)
    }

    if (harness.refused !== undefined) {
      const { query, rows } = harness.refused
      it('refuses rows by number, having written nothing, and takes the others under the same id', async () => {
        const { batch, publish, read } = await fixture(query)
        const error = await publish(await batch(1, [query])).catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(RowsRejectedError)
        const rejected = (error as RowsRejectedError).rows
        expect(rejected.map((row) => row.row)).toEqual(rows)
        for (const row of rejected) expect(row.reason).not.toBe('')
        expect(await read()).toEqual([])
        const rest = `SELECT * EXCLUDE (n) FROM (SELECT *, row_number() OVER () - 1 AS n FROM (${query})) WHERE n NOT IN (${rows.join(', ')})`
        await publish(await batch(1, [rest]))
        expect(await read()).toEqual(await expected(rest))
      })
    }

    type Fixture = Awaited<ReturnType<typeof fixture>>

    function describeExactlyOnce(
      fixture: (query: string) => Promise<Fixture>,
      expected: (...queries: string[]) => Promise<Row[]>,
    ): void {
      describe('exactly once', () => {
        let target: Fixture
        beforeEach(async () => {
          target = await fixture(numbers(0, 1))
        })
        const rowsOf = (count: number): Promise<Row[]> => expected(numbers(0, count))

        it('changes nothing when a batch comes again, on the same connection or another', async () => {
          const one = await target.batch(1, [numbers(0, 3)])
          const two = await target.batch(2, [numbers(3, 6)])
          await target.connected(async (sink) => {
            await sink.publish(one, signal)
            await sink.publish(one, signal)
            await sink.publish(two, signal)
          })
          await target.publish(two)
          expect(await target.read()).toEqual(await rowsOf(6))
        })

        it('notices that the target is newer than the state', async () => {
          await target.publish(await target.batch(1, [numbers(0, 1)]))
          await target.publish(await target.batch(2, [numbers(1, 2)]))
          await target.publish(await target.batch(3, [numbers(2, 3)]))
          const old = await target.batch(2, [numbers(90, 99)])
          await expect(target.publish(old)).rejects.toMatchObject({ code: 'SINK_AHEAD', retry: 'never' })
          expect(await target.read()).toEqual(await rowsOf(3))
        })

        it.each([2, 3])('notices that the target lacks batches: the first is number %i', async (sequence) => {
          const late = await target.batch(sequence, [numbers(0, 3)])
          await expect(target.publish(late)).rejects.toMatchObject({ code: 'SINK_BEHIND', retry: 'never' })
          expect(await target.read()).toEqual([])
        })

        it('notices a gap', async () => {
          await target.publish(await target.batch(1, [numbers(0, 3)]))
          const late = await target.batch(3, [numbers(3, 6)])
          await expect(target.publish(late)).rejects.toMatchObject({ code: 'SINK_BEHIND' })
          expect(await target.read()).toEqual(await rowsOf(3))
        })

        it.each([1, 2])('notices that another state wrote the target: its batch is number %i', async (sequence) => {
          await target.publish(await target.batch(1, [numbers(0, 3)]))
          const foreign = await target.batch(sequence, [numbers(3, 6)], { incarnation: 'ffffffff00000000' })
          await expect(target.publish(foreign)).rejects.toMatchObject({ code: 'SINK_FOREIGN', retry: 'never' })
          expect(await target.read()).toEqual(await rowsOf(3))
        })

        const points = harness.crashPoints ?? []
        it.runIf(points.length > 0).each(points)('killed at "%s": published again, once', async (point) => {
          await target.publish(await target.batch(1, [numbers(0, 3)]))
          const two = await target.batch(2, [numbers(3, 6), numbers(6, 9), numbers(9, 12)])
          await expect(target.publish(two, point)).rejects.toThrow()
          await target.publish(two)
          await target.publish(two)
          expect(await target.read()).toEqual(await rowsOf(12))
          await target.publish(await target.batch(3, [numbers(12, 15)]))
          expect(await target.read()).toEqual(await rowsOf(15))
        })
      })
    }
  })
}

/** Rows with ids from `from` to `to` (exclusive) and a text each. */
function numbers(from: number, to: number): string {
  return `SELECT range::INTEGER AS id, 'row ' || range AS text FROM range(${from}, ${to})`
}

function byId(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => Number(a.id) - Number(b.id))
}
