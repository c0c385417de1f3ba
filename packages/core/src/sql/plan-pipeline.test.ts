import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PipelineConfig, StepConfig } from '../config/pipeline-config.ts'
import { formatPlace } from '../errors/index.ts'
import { planPipeline } from './plan-pipeline.ts'
import { inScratch, pipelineOf, planOrThrow, sqlStep } from './testing.ts'

const COLUMNS = {
  uno: 'varchar',
  tnum: 'integer',
  price: 'decimal(9,2)',
  d: 'double',
  tuptime: 'timestamp',
  tags: 'varchar[]',
}
const WINDOW = "TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '1' MINUTE)"

/** Steps stand as block scalars in a file: step n begins in line 10 n, its text in column 7. */
const placeOf: PipelineConfig['placeOf'] = ([top, index]) =>
  top === 'steps'
    ? { file: 'p.yaml', line: 10 + 10 * Number(index), column: 7 }
    : { file: 'p.yaml', line: 1, column: 1 }

async function problemsOf(...steps: StepConfig[]): Promise<string[]> {
  const config = pipelineOf(COLUMNS, steps, { watermark: 'tuptime', placeOf })
  const { plan, problems } = await inScratch((connection) => planPipeline(config, connection))
  expect(plan === undefined).toBe(problems.length > 0)
  for (const problem of problems) expect(problem.hint).not.toBe('')
  return problems.map(({ code, place }) => `${place === undefined ? '' : formatPlace(place)} ${code}`)
}

const grouped = (select: string, from = WINDOW) => `SELECT ${select}\nFROM ${from}\nGROUP BY window_start, window_end`

describe('mistakes in a step', () => {
  test.each<[string, string, string]>([
    // What is no SELECT.
    ['SELECT uno\nFORM input', '11:12', 'SQL_SYNTAX'],
    ['SELECT uno FROM input;\nSELECT 1', '10:7', 'SQL_NOT_SELECT'],
    ['INSERT INTO input VALUES (1)', '10:7', 'SQL_NOT_SELECT'],
    ["ATTACH 'x.db'", '10:7', 'SQL_NOT_SELECT'],
    ["COPY input TO 'x.csv'", '10:7', 'SQL_NOT_SELECT'],
    ['', '10:7', 'SQL_NOT_SELECT'],
    // What DuckDB cannot bind.
    ['SELECT\n  unmo FROM input', '11:9', 'SQL_COLUMN_MISSING'],
    ['SELECT\n  nosuch(uno) AS x FROM input', '11:9', 'SQL_INVALID'],
    [grouped("sum('a' || uno) AS s, window_start"), '10:14', 'SQL_INVALID'],
    [grouped('uno, window_start'), '10:14', 'SQL_INVALID'],
    // What it would read.
    ['SELECT * FROM trades', '10:21', 'SQL_RELATION_UNKNOWN'],
    ["SELECT * FROM 'x.csv'", '10:21', 'SQL_OUTSIDE_ACCESS'],
    ["SELECT * FROM read_csv('x.csv')", '10:21', 'SQL_OUTSIDE_ACCESS'],
    ["SELECT * FROM glob('*')", '10:21', 'SQL_OUTSIDE_ACCESS'],
    ['SELECT * FROM duckdb_settings()', '10:21', 'SQL_OUTSIDE_ACCESS'],
    ['SELECT * FROM duckdb_tables', '10:21', 'SQL_OUTSIDE_ACCESS'],
    ['SELECT * FROM information_schema.tables', '10:21', 'SQL_OUTSIDE_ACCESS'],
    ["SELECT uno, getenv('HOME') AS h FROM input", '10:19', 'SQL_OUTSIDE_ACCESS'],
    ["SELECT current_setting('threads') AS h FROM input", '10:14', 'SQL_OUTSIDE_ACCESS'],
    ["SELECT uno FROM (SELECT * FROM read_text('/etc/passwd'))", '10:38', 'SQL_OUTSIDE_ACCESS'],
    ["WITH t AS (SELECT * FROM read_text('x')) SELECT uno FROM input", '10:32', 'SQL_OUTSIDE_ACCESS'],
    // What would differ from run to run.
    ['SELECT random() AS r FROM input', '10:14', 'SQL_NOT_DETERMINISTIC'],
    ['SELECT uuid() AS r FROM input', '10:14', 'SQL_NOT_DETERMINISTIC'],
    ['SELECT uno FROM input WHERE tuptime <\n  now()', '11:9', 'SQL_NOT_DETERMINISTIC'],
    ['SELECT current_date AS r FROM input', '10:14', 'SQL_NOT_DETERMINISTIC'],
    ['SELECT CURRENT_TIMESTAMP AS r FROM input', '10:14', 'SQL_NOT_DETERMINISTIC'],
    ['SELECT age(tuptime) AS r FROM input', '10:14', 'SQL_NOT_DETERMINISTIC'],
    ["SELECT ago(INTERVAL '1 day') AS r FROM input", '10:14', 'SQL_NOT_DETERMINISTIC'],
    ['SELECT uno FROM input TABLESAMPLE 10%', '10:23', 'SQL_NOT_DETERMINISTIC'],
    // What never ends.
    ['SELECT count(*) AS n FROM input', '10:14', 'SQL_UNBOUNDED_AGGREGATE'],
    ['SELECT uno FROM input GROUP BY uno', '10:38', 'SQL_UNBOUNDED_AGGREGATE'],
    ['SELECT DISTINCT uno FROM input', '10:7', 'SQL_UNBOUNDED_AGGREGATE'],
    ['SELECT uno FROM input ORDER BY tnum', '10:38', 'SQL_UNBOUNDED_AGGREGATE'],
    ['SELECT uno FROM input LIMIT 3', '10:35', 'SQL_UNBOUNDED_AGGREGATE'],
    ['SELECT row_number() OVER () AS n FROM input', '10:14', 'SQL_UNBOUNDED_AGGREGATE'],
    // What is not done.
    ['SELECT uno FROM input UNION ALL SELECT uno FROM input', '10:14', 'SQL_UNSUPPORTED'],
    ['SELECT a.uno FROM input a JOIN input b ON a.uno = b.uno', '10:33', 'SQL_UNSUPPORTED'],
    ['SELECT uno FROM input WHERE tnum = (SELECT 1)', '10:42', 'SQL_UNSUPPORTED'],
    ['SELECT unnest(tags) AS t FROM input', '10:14', 'SQL_UNSUPPORTED'],
    ['SELECT 1 AS one', '10:7', 'SQL_UNSUPPORTED'],
    ['SELECT uno FROM input WHERE tnum > $1', '10:35', 'SQL_UNSUPPORTED'],
    ["SELECT COLUMNS('u.*') FROM input", '10:14', 'SQL_UNSUPPORTED'],
    // Names.
    ['SELECT uno, tnum AS UNO FROM input', '10:7', 'SQL_COLUMN_NAME'],
    ['SELECT _row AS r FROM input', '10:14', 'SQL_COLUMN_NAME'],
    // Windows.
    [
      grouped('window_start', 'HOP(TABLE input, DESCRIPTOR(tuptime), INTERVAL 1 MINUTE, INTERVAL 5 MINUTE)'),
      '11:12',
      'SQL_WINDOW_UNSUPPORTED',
    ],
    [
      grouped('window_start', 'SESSION(TABLE input PARTITION BY uno, DESCRIPTOR(tuptime), INTERVAL 1 MINUTE)'),
      '11:12',
      'SQL_WINDOW_UNSUPPORTED',
    ],
    [`SELECT uno, count(*) AS n FROM ${WINDOW} GROUP BY uno`, '10:7', 'SQL_WINDOW_INVALID'],
    [
      `SELECT window_start, count(*) AS n FROM ${WINDOW} GROUP BY CUBE (window_start, window_end)`,
      '10:7',
      'SQL_WINDOW_INVALID',
    ],
    [`${grouped('window_start, count(*) AS n')} ORDER BY n`, '12:50', 'SQL_UNSUPPORTED'],
    [grouped('*'), '10:14', 'SQL_UNSUPPORTED'],
    [
      grouped('window_start', "TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '1' MONTH)"),
      '11:62',
      'SQL_WINDOW_INVALID',
    ],
    [
      grouped('window_start', "TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '0' SECOND)"),
      '11:62',
      'SQL_WINDOW_INVALID',
    ],
    [grouped('window_start', 'TUMBLE(TABLE input, tuptime, INTERVAL 1 MINUTE)'), '11:12', 'SQL_WINDOW_INVALID'],
    [
      grouped('window_start', "TUMBLE(TABLE input, DESCRIPTOR(uno), INTERVAL '1' MINUTE)"),
      '11:43',
      'SQL_TIME_ATTRIBUTE',
    ],
    [
      `SELECT x.n FROM (SELECT count(*) AS n FROM ${WINDOW} GROUP BY window_start, window_end) AS x`,
      '10:50',
      'SQL_WINDOW_INVALID',
    ],
    [grouped('window_start', 'TUMBLE(input, DESCRIPTOR(tuptime), INTERVAL 1 MINUTE)'), '11:19', 'SQL_WINDOW_INVALID'],
    [
      grouped('window_start', 'TUMBLE(TABLE trades, DESCRIPTOR(tuptime), INTERVAL 1 MINUTE)'),
      '11:25',
      'SQL_RELATION_UNKNOWN',
    ],
    [
      grouped('window_start', "TUMBLE(TABLE input, DESCRIPTOR(tuptime), to_seconds(getenv('X')))"),
      '11:64',
      'SQL_OUTSIDE_ACCESS',
    ],
    [grouped('max(uno COLLATE NOCASE) AS m'), '10:18', 'SQL_UNSUPPORTED'],
    [grouped('list(w) AS l', `${WINDOW} AS w`), '10:7', 'SQL_UNSUPPORTED'],
  ])('%s', async (sql, at, code) => {
    expect(await problemsOf(sqlStep(sql))).toEqual([`p.yaml:${at} ${code}`])
  })

  test('all of them at once, without those that only follow from others', async () => {
    const steps = [
      { kind: 'filter', name: 'a', from: 'input', condition: 'tnum > now()' } as const,
      sqlStep('SELECT nothing FROM input', 'b', 'a'),
      sqlStep('SELECT unmo, random() FROM input', 'c', 'input'),
      { kind: 'select', name: 'd', from: 'input', columns: ['uno', 'nothing AS x'] } as const,
    ]
    expect(await problemsOf(...steps)).toEqual([
      'p.yaml:10:14 SQL_NOT_DETERMINISTIC',
      'p.yaml:30:20 SQL_NOT_DETERMINISTIC',
      'p.yaml:40:7 SQL_COLUMN_MISSING',
    ])
  })

  test.each([
    'tnum > 0; DROP TABLE input',
    'tnum > 0) OR (true',
    'tnum > 0 /* ',
    'true FROM read_csv(1)',
    'tnum AS x',
    'tnum, 1',
    '',
  ])('a condition cannot leave its place: %s', async (condition) => {
    const found = await problemsOf({ kind: 'filter', name: 'a', from: 'input', condition })
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(/SQL_SYNTAX/)
  })

  test('a comment at the end of a condition or column is only that', async () => {
    const found = await problemsOf(
      { kind: 'filter', name: 'a', from: 'input', condition: 'tnum > 0 -- positive' },
      { kind: 'select', name: 'b', from: 'a', columns: ['uno -- who', 'tnum * 2 AS twice'] },
    )
    expect(found).toEqual([])
  })

  test('no text makes planning itself fail', async () => {
    const words = fc.constantFrom(
      ...[
        'SELECT',
        'FROM',
        'input',
        'WHERE',
        'GROUP BY',
        'window_start',
        'window_end',
        WINDOW,
        'TUMBLE(',
        'TABLE',
        'AS',
        'uno',
        'tnum',
        '*',
        ',',
      ],
      ...[
        '(',
        ')',
        'count(*)',
        'sum(tnum)',
        'HAVING',
        'WITH x AS',
        'UNION',
        'JOIN',
        "'",
        '"',
        ';',
        '1',
        '$1',
        '->',
        '[',
        '{',
        '::',
        'INTERVAL',
        'é',
      ],
    )
    const text = fc.array(words, { maxLength: 14 }).map((parts) => parts.join(' '))
    const likely = text.map((rest) => `SELECT uno FROM input ${rest}`)
    await inScratch(async (connection) => {
      await fc.assert(
        fc.asyncProperty(fc.oneof(text, likely), async (sql) => {
          const config = pipelineOf(COLUMNS, [sqlStep(sql)], { watermark: 'tuptime', placeOf })
          const { plan, problems } = await planPipeline(config, connection)
          expect(plan === undefined).toBe(problems.length > 0)
          for (const { place } of problems) expect(place?.line).toBeGreaterThanOrEqual(10)
        }),
        { numRuns: 60 },
      )
    })
  })

  test('a window without a watermark, or on a column that only looks like the event time', async () => {
    const config = pipelineOf(COLUMNS, [sqlStep(grouped('window_start'))], { placeOf })
    const { problems } = await inScratch((connection) => planPipeline(config, connection))
    expect(problems.map(({ code }) => code)).toEqual(['SQL_WATERMARK_MISSING'])
    const shifted = sqlStep('SELECT uno, tuptime + INTERVAL 1 HOUR AS tuptime FROM input', 'shifted')
    expect(await problemsOf(shifted, sqlStep(grouped('window_start'), 'result', 'shifted'))).toEqual([
      'p.yaml:21:43 SQL_TIME_ATTRIBUTE',
    ])
  })

  test('a window on a window', async () => {
    const first = sqlStep(grouped('window_start AS tuptime, count(*) AS n'), 'first')
    expect(await problemsOf(first, sqlStep(grouped('window_start'), 'second', 'first'))).toEqual([
      'p.yaml:21:43 SQL_WINDOW_INVALID',
    ])
  })

  test('types and the watermark of the source', async () => {
    const config = pipelineOf({ a: 'integre', b: 'integer, c int)' }, [], { placeOf })
    const { problems } = await inScratch((connection) => planPipeline(config, connection))
    expect(problems.map(({ code }) => code)).toEqual(['SQL_TYPE_UNKNOWN', 'SQL_TYPE_UNKNOWN'])
    for (const watermark of ['uno', 'nothing']) {
      const wrong = pipelineOf(COLUMNS, [], { placeOf, watermark })
      const found = await inScratch((connection) => planPipeline(wrong, connection))
      expect(found.problems.map(({ code }) => code)).toEqual(['SQL_WATERMARK_COLUMN'])
    }
  })
})

describe('plans', () => {
  test('hidden columns stay out of *, and metadata columns are there only where SQL names them', async () => {
    const plan = await planOrThrow(
      pipelineOf({ a: 'integer', b: 'struct(x integer)' }, [
        { kind: 'filter', name: 'f', from: 'input', condition: 'b.x > 1' },
        sqlStep('SELECT t.*, _offset AS o, t AS whole FROM input AS t', 's', 'f'),
        sqlStep('SELECT * EXCLUDE (a) REPLACE (o + 1 AS o) RENAME (whole AS all_of_it) FROM input', 'result', 's'),
      ]),
    )
    expect(plan.input.metadata).toEqual(['_offset'])
    expect(plan.relations.map(({ columns }) => columns)).toEqual([
      [
        { name: 'a', type: 'INTEGER' },
        { name: 'b', type: 'STRUCT(x INTEGER)' },
      ],
      [
        { name: 'a', type: 'INTEGER' },
        { name: 'b', type: 'STRUCT(x INTEGER)' },
        { name: 'o', type: 'BIGINT' },
        { name: 'whole', type: 'STRUCT(a INTEGER, b STRUCT(x INTEGER))' },
      ],
      [
        { name: 'b', type: 'STRUCT(x INTEGER)' },
        { name: 'o', type: 'BIGINT' },
        { name: 'all_of_it', type: 'STRUCT(a INTEGER, b STRUCT(x INTEGER))' },
      ],
    ])
    expect(plan.sinks[0]).toMatchObject({ relation: 'result', columns: plan.relations[2]?.columns })
  })

  test('the state of the classic window', async () => {
    const sql = `SELECT window_start, window_end, uno, count(*) AS orders, sum(tnum) AS items, avg(tnum) AS mean
      FROM ${WINDOW} GROUP BY window_start, window_end, uno`
    const plan = await planOrThrow(pipelineOf(COLUMNS, [sqlStep(sql)], { watermark: 'tuptime' }))
    expect(plan.input.metadata).toEqual([])
    expect(plan.relations).toHaveLength(1)
    expect(plan.relations[0]).toMatchObject({
      kind: 'window',
      upstream: 'input',
      window: { kind: 'tumble', sizeMs: 60_000, offsetMs: 0 },
      strategy: 'partials',
      notes: [],
      stateColumns: [
        { name: 'window_start', type: 'TIMESTAMP' },
        { name: 'window_end', type: 'TIMESTAMP' },
        { name: 'uno', type: 'VARCHAR' },
        { name: 'count', type: 'BIGINT' },
        { name: 'sum', type: 'HUGEINT' },
        { name: 'count_2', type: 'BIGINT' },
        { name: '_records', type: 'BIGINT' },
      ],
      columns: [
        { name: 'window_start', type: 'TIMESTAMP' },
        { name: 'window_end', type: 'TIMESTAMP' },
        { name: 'uno', type: 'VARCHAR' },
        { name: 'orders', type: 'BIGINT' },
        { name: 'items', type: 'HUGEINT' },
        { name: 'mean', type: 'DOUBLE' },
      ],
    })
  })

  test('a window whose result depends on order asks for partition and offset', async () => {
    const clean = sqlStep('SELECT uno AS who, d, tuptime AS t FROM (SELECT * FROM input WHERE tnum > 0)', 'clean')
    const sql = grouped(
      'window_start, sum(d) AS s',
      'TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL 90 SECOND, INTERVAL 30 SECOND)',
    )
    const plan = await planOrThrow(
      pipelineOf(COLUMNS, [clean, sqlStep(sql, 'result', 'clean')], { watermark: 'tuptime' }),
    )
    expect(plan.input.metadata).toEqual(['_partition', '_offset'])
    const [select, window] = plan.relations
    expect(select?.columns.map(({ name }) => name)).toEqual(['who', 'd', 't'])
    if (window?.kind !== 'window') throw new Error('no window')
    expect(window).toMatchObject({ strategy: 'rows', window: { sizeMs: 90_000, offsetMs: 30_000 } })
    expect(window.stateColumns.map(({ name }) => name)).toEqual([
      'window_start',
      'window_end',
      'd',
      '_order_partition',
      '_order_offset',
      '_records',
    ])
    expect(window.notes.join('\n')).toContain('order')
  })

  test('a window over a WITH table, in the older form with TABLE around it', async () => {
    const sql = `WITH clean(who, t) AS (SELECT uno, tuptime FROM input WHERE tnum > 0)
      SELECT window_start, \`who\`, count(*) AS n FROM TABLE(TUMBLE(TABLE clean, DESCRIPTOR(t), INTERVAL '1' HOUR))
      GROUP BY window_start, window_end, who`
    const plan = await planOrThrow(pipelineOf(COLUMNS, [sqlStep(sql)], { watermark: 'tuptime' }))
    expect(plan.relations.map(({ name, kind }) => `${kind} ${name}`)).toEqual(['select result.clean', 'window result'])
    expect(plan.relations[1]?.columns.map(({ name }) => name)).toEqual(['window_start', 'who', 'n'])
  })

  test('constants beyond 2^53 keep every digit', async () => {
    const plan = await planOrThrow(
      pipelineOf({ a: 'bigint' }, [
        sqlStep('SELECT a + 9007199254740993 AS b FROM input WHERE a <> 170141183460469231731687303715884105727'),
      ]),
    )
    const [select] = plan.relations
    if (select?.kind !== 'select') throw new Error('no select')
    expect(select.sql).toContain('9007199254740993')
    expect(select.sql).toContain('170141183460469231731687303715884105727')
  })
})
