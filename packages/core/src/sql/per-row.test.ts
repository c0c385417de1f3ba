import { expect, test } from 'vitest'
import type { StepConfig } from '../config/pipeline-config.ts'
import { quoteIdentifier } from '../duckdb/index.ts'
import { HandTurnedEngine, inScratch, pipelineOf, planOrThrow, sqlStep } from './testing.ts'

const COLUMNS = {
  n: 'INTEGER',
  k: 'VARCHAR',
  'odd "name"': 'INTEGER',
  order: 'DOUBLE',
  st: 'STRUCT(x INTEGER, k VARCHAR)',
  l: 'INTEGER[]',
  j: 'JSON',
  ts: 'TIMESTAMP',
}
const RECORDS = `SELECT i AS n, CASE WHEN i % 4 > 0 THEN chr(97 + i % 3) END AS k, i * 7 % 5 AS "odd ""name""", i / 3 AS "order",
  {x: i % 3, k: 'z' || i} AS st, [i, i % 2] AS l, ('{"a": ' || i || '}')::JSON AS j, TIMESTAMP '2024-01-01' + to_hours(i) AS ts,
  'p0' AS _partition, i + 100 AS _offset FROM (SELECT i::INTEGER AS i FROM range(20) AS r(i))`

test.each([
  'SELECT * FROM input',
  'FROM input',
  'SELECT t.*, t.n + 1 AS m FROM (SELECT n FROM input) AS t',
  'SELECT * EXCLUDE (j, l) FROM input WHERE k = \'b\' OR "odd ""name""" > 2',
  'SELECT * REPLACE (n * 2 AS n) RENAME ("odd ""name""" AS odd) FROM input AS i WHERE i.st.x = 1',
  "SELECT n, j->'a' AS a, j->>'a' AS b, l[1] AS first, st.k, input.st.x AS x FROM input",
  'SELECT n, list_transform(l, lambda n: n + 1) AS up, list_filter(l, k -> k > 3) AS big, list_reduce(l, lambda a, b: a * b) AS p FROM input',
  'SELECT n, input AS everything, to_json(input) AS text FROM input',
  'SELECT a, b + 1 AS c FROM (SELECT n AS a, a * 2 AS b FROM input WHERE a > 3) AS t WHERE b < 30',
  'WITH a AS (SELECT n, k FROM input WHERE n > 2), b(x, y) AS (SELECT * FROM a WHERE n < 15) SELECT y, z FROM b AS t(z) WHERE z > 4',
  'WITH other AS (SELECT n + 1 AS n FROM input) SELECT * FROM other',
  'SELECT x AS n, y FROM input AS t(x, y) WHERE t.x > 3',
  "SELECT n, CASE k WHEN 'a' THEN 1 WHEN 'b' THEN 2 ELSE 3 END AS c, k IN ('a', 'b') AS i, n BETWEEN 2 AND 5 AS w, k IS NULL AS e FROM input",
  "SELECT n, CAST(k AS VARCHAR) COLLATE NOCASE AS k, \"order\"::DECIMAL(9,3) AS d, {'a': n, 'b': [k]} AS s, MAP {'x': n} AS m FROM input",
  "SELECT n, DATE '2024-02-29' + INTERVAL 1 MONTH AS day, ts AT TIME ZONE 'Europe/Berlin' AS there, date_trunc('day', ts) AS d, extract(hour FROM ts) AS h FROM input",
  "SELECT n, 'it''s' || E'\\n' || $$dollar 'quoted'$$ AS s, 9007199254740993 AS big, 1e-7 AS small, -5 % 3 AS r, TRY_CAST(k AS INTEGER) AS t FROM input -- the end",
])('%s', async (sql) => {
  await inScratch(async (connection) => {
    const plan = await planOrThrow(pipelineOf(COLUMNS, [sqlStep(sql)]))
    const engine = await HandTurnedEngine.start(connection, plan)
    await engine.epoch(RECORDS)
    const columns = plan.sinks[0]?.columns ?? []
    const visible = Object.keys(COLUMNS).map(quoteIdentifier).join(', ')
    await connection.run(`CREATE TEMP TABLE direct AS SELECT ${visible} FROM (${RECORDS})`)
    // The same text over a table that has nothing hidden.
    await connection.run('ALTER VIEW input RENAME TO real_input')
    await connection.run('CREATE TEMP VIEW input AS SELECT * FROM direct')
    const expected = await connection.describe(sql.replace(/--.*$/, ''))
    const expectedRows = await connection.rows(`SELECT COLUMNS(*)::VARCHAR FROM (${sql}\n)`)
    await connection.run('DROP VIEW input')
    await connection.run('ALTER VIEW real_input RENAME TO input')
    expect(columns).toEqual(expected)
    const names = columns.map(({ name }) => `${quoteIdentifier(name)}::VARCHAR AS ${quoteIdentifier(name)}`)
    expect(await connection.rows(`SELECT ${names.join(', ')} FROM result`)).toEqual(expectedRows)
    expect(expectedRows.length).toBeGreaterThan(0)
  })
})

test('every row keeps the number of its record through filters, selects and mappings', async () => {
  const steps: StepConfig[] = [
    { kind: 'filter', name: 'some', from: 'input', condition: 'n % 3 = 1 AND _offset > 101' },
    sqlStep(
      'WITH t AS (SELECT n AS m, _offset AS o, ts FROM input) SELECT * FROM (SELECT m * 2 AS twice, o, ts FROM t)',
      's',
      'some',
    ),
    {
      kind: 'applyMapping',
      name: 'm',
      from: 's',
      mappings: [
        { source: 'twice', target: 'pair.a', type: 'string' },
        { source: 'O', target: 'pair.b' },
        { source: 'ts', target: 't', type: 'timestamp' },
      ],
    },
    { kind: 'select', name: 'result', from: 'm', columns: ['pair.a AS a', 'pair.b AS b', 't'] },
  ]
  const window = sqlStep(
    "SELECT window_start, min(a) AS a FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' DAY) GROUP BY window_start, window_end",
    'days',
    'result',
  )
  await inScratch(async (connection) => {
    const plan = await planOrThrow(pipelineOf(COLUMNS, [...steps, window], { watermark: 'ts' }))
    expect(plan.input.metadata).toEqual(['_offset'])
    const engine = await HandTurnedEngine.start(connection, plan)
    await engine.epoch(RECORDS)
    expect(await connection.rows('SELECT a, b::INTEGER AS b, _row::INTEGER AS row FROM result ORDER BY row')).toEqual(
      [4, 7, 10, 13, 16, 19].map((n) => ({ a: `${n * 2}`, b: n + 100, row: n })),
    )
  })
})

test('a late row stays out, and only that one', async () => {
  const steps = [
    { kind: 'filter', name: 'odd', from: 'input', condition: 'n % 2 = 1' } as const,
    sqlStep(
      "SELECT window_start, count(*) AS c, list(n) AS ns FROM TUMBLE(TABLE input, DESCRIPTOR(ts), INTERVAL '1' DAY) GROUP BY window_start, window_end",
      'result',
      'odd',
    ),
  ]
  await inScratch(async (connection) => {
    const plan = await planOrThrow(pipelineOf(COLUMNS, steps, { watermark: 'ts' }))
    const engine = await HandTurnedEngine.start(connection, plan)
    // Record 4 is late as well, but filtered.
    await engine.epoch(RECORDS, [3, 4, 7])
    await engine.fire('infinity')
    expect(
      await connection.rows('SELECT window_start::VARCHAR AS w, c::INTEGER AS c, ns::VARCHAR AS ns FROM result'),
    ).toEqual([{ w: '2024-01-01 00:00:00', c: 8, ns: '[1, 5, 9, 11, 13, 15, 17, 19]' }])
  })
})

test('event times with a time zone, and windows that begin off the hour', async () => {
  const sql =
    "SELECT window_start, window_end, count(*) AS c FROM TUMBLE(TABLE input, DESCRIPTOR(ts), INTERVAL '6' HOUR, INTERVAL '-2' HOUR) GROUP BY window_start, window_end"
  await inScratch(async (connection) => {
    const plan = await planOrThrow(pipelineOf({ ts: 'TIMESTAMPTZ' }, [sqlStep(sql)], { watermark: 'ts' }))
    expect(plan.relations[0]).toMatchObject({ window: { sizeMs: 21_600_000, offsetMs: 14_400_000 } })
    const engine = await HandTurnedEngine.start(connection, plan)
    await engine.epoch(
      "SELECT unnest(['2024-01-01 05:59:59.999+02', '2024-01-01 04:00:00Z', '1969-12-31 23:00:00Z']::TIMESTAMPTZ[]) AS ts",
    )
    await engine.fire('2024-01-01 04:00:00')
    const rows = 'SELECT window_start::VARCHAR AS s, window_end::VARCHAR AS e, c::INTEGER AS c FROM result'
    expect(await connection.rows(rows)).toEqual([
      { s: '1969-12-31 22:00:00', e: '1970-01-01 04:00:00', c: 1 },
      { s: '2023-12-31 22:00:00', e: '2024-01-01 04:00:00', c: 1 },
    ])
  })
})
