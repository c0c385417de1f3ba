import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Connection, Database } from '../duckdb/index.ts'
import { HandTurnedEngine, pipelineOf, planOrThrow, sqlStep } from './testing.ts'

const COLUMNS = {
  ts: 'TIMESTAMP',
  k: 'VARCHAR',
  i: 'INTEGER',
  b: 'BIGINT',
  d: 'DOUBLE',
  m: 'DECIMAL(18,3)',
  ok: 'BOOLEAN',
}
const WINDOW = "TUMBLE(TABLE input, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"
const IN_ORDER = 'ORDER BY _partition, _offset'

interface Case {
  readonly title: string
  readonly strategy: 'partials' | 'rows'
  /** The step, and the same asked of all rows at once; `$w` stands for the window's rows. */
  readonly sql: string
  readonly direct?: string
}

const CASES: readonly Case[] = [
  {
    title: 'counts, sums and extremes by key',
    strategy: 'partials',
    sql: `SELECT window_start, window_end, k, count(*) AS n, count(i), sum(i) AS total, sum(b), sum(m), min(b), max(k), min(m)
      FROM $w GROUP BY window_start, window_end, k`,
  },
  {
    title: 'averages of exact numbers',
    strategy: 'partials',
    sql: 'SELECT window_end, k, avg(i) AS a, avg(b) AS c, avg(m) AS e FROM $w GROUP BY window_start, window_end, k',
  },
  {
    title: 'expressions over aggregates, FILTER, HAVING, computed keys and aliases',
    strategy: 'partials',
    sql: `SELECT window_start AS w, upper(coalesce(k, 'none')) AS key, sum(i) FILTER (WHERE ok) AS yes, yes + 1 AS more,
        sum(i * 2 + 1) / count(*) AS ratio, CASE WHEN bool_and(ok) THEN 'all' WHEN bool_or(ok) THEN 'some' ELSE 'none' END AS oks
      FROM $w WHERE i IS NULL OR i <> 3 GROUP BY 1, window_end, key HAVING count(*) > 1 AND max(b) IS NOT NULL`,
  },
  {
    title: 'no key, bits, count_if, extremes of DOUBLE, window_time',
    strategy: 'partials',
    sql: `SELECT window_start, window_end, window_time, bit_xor(i) AS x, bit_or(i), bit_and(i), count_if(ok), min(d) + 0 AS lo, max(d) + 0 AS hi,
        max(DISTINCT i) AS largest FROM $w GROUP BY ALL`,
  },
  {
    title: 'a DOUBLE as key',
    strategy: 'partials',
    sql: 'SELECT window_start, window_end, d, count(*) AS n FROM $w GROUP BY window_start, window_end, d',
    direct:
      'SELECT window_start, window_end, d + 0 AS d, count(*) AS n FROM $w GROUP BY window_start, window_end, d + 0',
  },
  {
    title: 'distinct values, quantiles',
    strategy: 'rows',
    sql: `SELECT window_start, window_end, count(DISTINCT k) AS keys, sum(DISTINCT i) AS s, median(i) AS mid, quantile_disc(b, 0.25) AS q,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY m) AS p, approx_count_distinct(k) AS about
      FROM $w GROUP BY window_start, window_end`,
  },
  {
    title: 'sums of DOUBLE in the order of records',
    strategy: 'rows',
    sql: 'SELECT window_start, k, sum(d) AS s, avg(d) AS a, stddev(i) AS dev FROM $w GROUP BY window_start, window_end, k',
    direct: `SELECT window_start, k, sum(d ${IN_ORDER}) AS s, avg(d ${IN_ORDER}) AS a, stddev(i ${IN_ORDER}) AS dev
      FROM $w GROUP BY window_start, window_end, k`,
  },
  {
    title: 'what depends on order',
    strategy: 'rows',
    sql: `SELECT window_start, window_end, first(k) AS f, last(i) AS l, list(b) FILTER (WHERE ok) AS bs, string_agg(k, '-' ORDER BY i) AS ks,
        arg_max(k, i) AS top, mode(k) AS often, list(DISTINCT i) AS once
      FROM $w AS w WHERE w.i > 0 GROUP BY window_start, window_end HAVING count(*) > 1`,
    direct: `SELECT window_start, window_end, first(k ${IN_ORDER}) AS f, last(i ${IN_ORDER}) AS l, list(b ${IN_ORDER}) FILTER (WHERE ok) AS bs,
        string_agg(k, '-' ORDER BY i, _partition, _offset) AS ks, arg_max(k, i ${IN_ORDER}) AS top, mode(k ${IN_ORDER}) AS often,
        list(DISTINCT i ORDER BY i) AS once
      FROM $w AS w WHERE w.i > 0 GROUP BY window_start, window_end HAVING count(*) > 1`,
  },
]

interface Event {
  readonly partition: number
  readonly second: number
  readonly k: string | null
  readonly i: number | null
  readonly b: bigint | null
  readonly d: number | null
  readonly m: number | null
  readonly ok: boolean | null
}

const event: fc.Arbitrary<Event> = fc.record({
  partition: fc.integer({ min: 0, max: 2 }),
  second: fc.integer({ min: -150, max: 150 }),
  k: fc.constantFrom('a', 'b', 'ä"\'', null),
  i: fc.option(fc.integer({ min: -5, max: 9 })),
  b: fc.option(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n })),
  d: fc.option(fc.constantFrom(0, -0, 0.1, 0.2, 0.3, 1e16, -1e16, 1 / 3)),
  m: fc.option(fc.integer({ min: -1e9, max: 1e9 })),
  ok: fc.option(fc.boolean()),
})

/** The events in order of arrival, and after which of them an epoch ends. */
const stream = fc.record({
  events: fc.array(event, { minLength: 1, maxLength: 60 }),
  cuts: fc.array(fc.nat(60), { maxLength: 6 }),
  otherCuts: fc.array(fc.nat(60), { maxLength: 6 }),
})

/** Their sum is odd, and half of it lies just past the middle of two neighbouring DOUBLEs. */
const HARD_AVERAGE = {
  events: [14n, -90556198376657463n].map((b) => ({
    ...{ partition: 0, second: 60, k: 'a', i: null, d: null, m: null, ok: null },
    b,
  })),
  cuts: [1],
  otherCuts: [],
}

describe('a window gives what DuckDB gives over all rows, however they arrive in epochs', () => {
  let database: Database
  let connection: Connection
  beforeAll(async () => {
    database = await Database.open(undefined, { threads: 2 })
    connection = await database.connect()
  })
  afterAll(() => database.close())

  test.each(CASES)('$title', async ({ sql, direct = sql, strategy }) => {
    const plan = await planOrThrow(pipelineOf(COLUMNS, [sqlStep(sql.replace('$w', WINDOW))], { watermark: 'ts' }))
    expect(plan.relations[0]).toMatchObject({ kind: 'window', strategy })
    await fc.assert(
      fc.asyncProperty(stream, async ({ events, cuts, otherCuts }) => {
        await storeEvents(connection, events)
        const expected = await connection.rows(asText(direct.replace('$w', DIRECT_WINDOW)))
        for (const ends of [cuts, otherCuts]) {
          expect(await inEpochs(connection, plan, events.length, ends)).toEqual(expected)
        }
      }),
      { numRuns: 12, examples: [[HARD_AVERAGE]] },
    )
  })
})

// Written out here on its own, so that the expectation does not come from the code under test.
const DIRECT_WINDOW = `(SELECT *, make_timestamp(floor(epoch_us(ts) / 60e6)::BIGINT * 60000000) AS window_start,
  window_start + INTERVAL 1 MINUTE AS window_end, window_end - INTERVAL 1 MILLISECOND AS window_time FROM events)`

function asText(query: string): string {
  return `SELECT COLUMNS(*)::VARCHAR FROM (${query}) ORDER BY ALL`
}

async function storeEvents(connection: Connection, events: readonly Event[]): Promise<void> {
  const literal = (value: unknown) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : `${value}`)
  const double = (value: number | null) =>
    value === null ? 'NULL' : `'${Object.is(value, -0) ? '-0.0' : value}'::DOUBLE`
  const rows = events.map(
    (e, n) =>
      `(${n}, 'p${e.partition}', TIMESTAMP '1970-01-01 00:00:00' + to_seconds(${e.second}), ${literal(e.k)}, ${e.i}, ${e.b}, ${double(e.d)}, ${e.m === null ? 'NULL' : e.m / 1000}, ${e.ok})`,
  )
  await connection.run(
    'CREATE OR REPLACE TEMP TABLE events (n BIGINT, _partition VARCHAR, ts TIMESTAMP, k VARCHAR, i INTEGER, b BIGINT, d DOUBLE, m DECIMAL(18,3), ok BOOLEAN, _offset BIGINT)',
  )
  await connection.run(
    `INSERT INTO events SELECT *, row_number() OVER (PARTITION BY col1 ORDER BY col0) FROM (VALUES ${rows.join(', ')})`,
  )
}

/** Runs the plan over the events, cut into epochs; a window fires as soon as its last event has been taken. */
async function inEpochs(
  connection: Connection,
  plan: Awaited<ReturnType<typeof planOrThrow>>,
  count: number,
  cuts: readonly number[],
) {
  const engine = await HandTurnedEngine.start(connection, plan)
  const ends = [...new Set([...cuts.filter((cut) => cut < count), count])].sort((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    // As the engine does: partition by partition, each in its own order.
    await engine.epoch(`SELECT * FROM events WHERE n >= ${from} AND n < ${end} ORDER BY _partition, _offset`)
    const left = await connection.row<{ first: string | null }>(
      `SELECT (min(ts) - INTERVAL 1 MICROSECOND)::VARCHAR AS first FROM events WHERE n >= ${end}`,
    )
    await engine.fire(left?.first ?? 'infinity')
    from = end
  }
  return connection.rows(asText('SELECT * FROM result'))
}
