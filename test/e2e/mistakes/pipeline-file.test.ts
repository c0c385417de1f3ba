import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Ended, headrace as run } from '../../support/headrace-process.ts'
import { type Expected, expectMistake, expectNoTrace, expectTold, placeIn, toldIn } from '../../support/mistakes.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-mistakes-')
const headrace = (...args: string[]): Promise<Ended> => run(args, { cwd: folder() })

const RIGHT = `name: orders
source:
  kafka: { topic: trades, start: earliest }
  decode:
    json: { columns: { uno: varchar, tnum: integer, tuptime: timestamp } }
  watermark: { column: tuptime, delay: 5 seconds }
steps:
  - filter: tnum > 0
  - name: per_minute
    sql: |
      SELECT window_start, window_end, uno, sum(tnum) AS items
      FROM TUMBLE(TABLE input, DESCRIPTOR(tuptime), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, uno
trigger: { interval: 1 second }
sinks:
  - parquet: { dataset: orders }
  - postgres: { table: orders, key: [window_start, uno] }
`

/** What is changed in the right file, and what must be told: at the place where the last text stands. */
type Case = readonly [name: string, from: string, to: string, at: string, told: Omit<Expected, 'place'>]

const CASES: readonly Case[] = [
  [
    'an unknown key',
    'topic: trades',
    'topic: trades, topik: x',
    'topik',
    { code: 'CONFIG_UNKNOWN_KEY', message: '"topik" is not a key of source.kafka', hint: 'Did you mean `topic`?' },
  ],
  [
    'a key that is missing',
    'kafka: { topic: trades, start: earliest }',
    'kafka: { start: earliest }',
    '{ start: earliest }',
    { code: 'CONFIG_VALUE', message: 'no topic is named', hint: /^Write `topic:`/ },
  ],
  [
    'a value of the wrong type',
    'interval: 1 second',
    'maxRecords: many',
    'many',
    {
      code: 'CONFIG_TYPE',
      message: 'trigger.maxRecords must be a whole number, not "many"',
      hint: /a whole number/,
    },
  ],
  [
    'a number that is too small',
    'interval: 1 second',
    'maxRecords: 0',
    '0 }\nsinks',
    { code: 'CONFIG_VALUE', message: 'trigger.maxRecords must be at least 1, not 0', hint: /larger/ },
  ],
  [
    'a duration that is none',
    'interval: 1 second',
    'interval: 1 secnod',
    '1 secnod',
    { code: 'CONFIG_DURATION', message: '"1 secnod" is not a duration', hint: /`5 seconds`/ },
  ],
  [
    'an unknown adapter of a sink',
    '- parquet:',
    '- parkuet:',
    'parkuet',
    {
      code: 'CONFIG_UNKNOWN_KIND',
      message: 'there is no sink adapter called "parkuet"',
      hint: 'Did you mean `parquet`?',
    },
  ],
  [
    'an unknown adapter of the source',
    'kafka: {',
    'kafak: {',
    'kafak',
    {
      code: 'CONFIG_UNKNOWN_KIND',
      message: 'there is no source adapter called "kafak"',
      hint: 'Did you mean `kafka`?',
    },
  ],
  [
    'an unknown kind of step',
    '- filter: tnum',
    '- filtre: tnum',
    'filtre',
    { code: 'CONFIG_UNKNOWN_KIND', message: /^there is no kind of step called "filtre"/, hint: /`filter`/ },
  ],
  [
    'an unknown type of a column',
    'tnum: integer',
    'tnum: integr',
    'integr',
    { code: 'CONFIG_COLUMN_TYPE', message: '"integr" is not a column type', hint: /`integer`/ },
  ],
  [
    'a sink that reads from nowhere',
    '- parquet: { dataset: orders }',
    '- { parquet: { dataset: orders }, from: per_minut }',
    'per_minut }',
    { code: 'CONFIG_REFERENCE', message: /names "per_minut", which is no step/, hint: 'Did you mean `per_minute`?' },
  ],
  [
    'two sinks of one name',
    '- parquet: { dataset: orders }',
    '- { name: postgres, parquet: { dataset: orders } }',
    'postgres: { table',
    { code: 'CONFIG_DUPLICATE', message: 'there are two sinks called "postgres"', hint: /`name:`/ },
  ],
  [
    'a parameter that was not given',
    'topic: trades',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the file's own syntax
    'topic: "${param:topic}"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the file's own syntax
    '${param:topic}',
    { code: 'CONFIG_PARAMETER_MISSING', message: 'the parameter "topic" was not given', hint: /--param topic=/ },
  ],
  [
    'text that is no YAML',
    'steps:\n',
    'steps: [\n',
    '- filter',
    { code: 'CONFIG_YAML', message: /^this is not valid YAML: /, hint: /indentation/ },
  ],
  [
    'a key of the target that the rows lack',
    'key: [window_start, uno]',
    'key: [window_start, unno]',
    'unno',
    { code: 'CONFIG_INVALID', message: 'the rows have no column "unno"', hint: /uno, items/ },
  ],
  [
    'a missing column in a filter',
    'filter: tnum > 0',
    'filter: tnumm > 0',
    'tnumm',
    {
      code: 'SQL_COLUMN_MISSING',
      message: /there is no column "tnumm"$/,
      hint: 'Columns here: tnum, tuptime, uno.',
    },
  ],
  [
    'a missing column in SQL',
    'uno, sum(tnum) AS items',
    'uno,\n        sum(tnums) AS items',
    'tnums',
    {
      code: 'SQL_COLUMN_MISSING',
      message: 'step "per_minute": there is no column "tnums"',
      hint: /^Columns here: tnum, tuptime, .*uno\.$/,
    },
  ],
  [
    'SQL that cannot be read',
    'GROUP BY window_start',
    'GRUOP BY window_start',
    'BY window_start',
    { code: 'SQL_SYNTAX', message: 'step "per_minute": syntax error at or near "BY"', hint: /just before this place/ },
  ],
  [
    'SQL of an unknown function',
    'sum(tnum)',
    'summ(tnum)',
    'summ',
    { code: 'SQL_INVALID', message: /^step "per_minute": .*summ/, hint: /./ },
  ],
  [
    'a relation that does not exist',
    'TABLE input',
    'TABLE inputt',
    'inputt',
    {
      code: 'SQL_RELATION_UNKNOWN',
      message: 'step "per_minute" reads "inputt", which is neither input nor a step before it',
      hint: /^Known here: input/,
    },
  ],
  [
    'SQL that reads a file',
    'filter: tnum > 0',
    "sql: SELECT * FROM read_csv('x.csv')",
    'read_csv',
    { code: 'SQL_OUTSIDE_ACCESS', message: /reaches outside the pipeline: read_csv/, hint: /replay/ },
  ],
  [
    'SQL that is different every time',
    'filter: tnum > 0',
    'filter: tuptime < now()',
    'now()',
    { code: 'SQL_NOT_DETERMINISTIC', message: /uses now\(\)/, hint: /_timestamp/ },
  ],
  [
    'an aggregate without a window',
    'filter: tnum > 0',
    'sql: SELECT sum(tnum) AS n FROM input',
    'sum(tnum) AS n',
    { code: 'SQL_UNBOUNDED_AGGREGATE', message: /sum\(\) over a stream that has no end/, hint: /TUMBLE/ },
  ],
  [
    'a window without a watermark',
    '  watermark: { column: tuptime, delay: 5 seconds }\n',
    '',
    'tuptime), INTERVAL',
    { code: 'SQL_WATERMARK_MISSING', message: /the source has no watermark/, hint: /^Add to the source: watermark/ },
  ],
  [
    'a watermark of a column that is not there',
    'column: tuptime',
    'column: tuptme',
    'tuptme',
    {
      code: 'CONFIG_REFERENCE',
      message: /names "tuptme", which is no declared column/,
      hint: 'Did you mean `tuptime`?',
    },
  ],
]

describe('each mistake in a pipeline file has its code, its place and a hint', () => {
  const broken = CASES.map(([, from, to], i) => ({ file: `broken-${i}.yaml`, text: RIGHT.replace(from, to) }))
  let validated: Ended

  beforeAll(async () => {
    await writeFile(join(folder(), 'right.yaml'), RIGHT)
    for (const { file, text } of broken) await writeFile(join(folder(), file), text)
    validated = await headrace('validate', 'right.yaml', ...broken.map(({ file }) => file))
  })

  test('the file that they are made from has none', () => {
    expect(validated.stdout).toContain('✓ right.yaml: orders, 2 steps, 2 sinks\n')
    expect(validated.code).toBe(1)
    expectNoTrace(validated)
  })

  test.each(CASES.map((one, i) => [one[0], i] as const))('%s', (_name, i) => {
    const [, from, to, at, told] = CASES[i] as Case
    const { file, text } = broken[i] as { file: string; text: string }
    expect(RIGHT).toContain(from)
    expect(text).toContain(to)
    const own = toldIn(validated.stdout).filter(({ place }) => place?.startsWith(`${file}:`))
    expect(own, validated.stdout).toHaveLength(1)
    expectTold(own[0] as (typeof own)[0], { ...told, place: `${file}:${placeIn(text, at)}` })
  })

  test('a run tells them all at once as well, and opens nothing', async () => {
    const text = RIGHT.replace('tnum: integer', 'tnum: integr').replace('uno, sum(tnum)', 'unno, sum(tnum)')
    await writeFile(join(folder(), 'two.yaml'), text)
    const ended = await headrace('run', 'two.yaml', '--data', 'untouched')
    const expected = [`two.yaml:${placeIn(text, 'integr')}`, 'CONFIG_COLUMN_TYPE']
    expectNoTrace(ended)
    expect(ended.code).toBe(1)
    expect(toldIn(ended.stderr).map(({ place, code }) => [place, code])).toContainEqual(expected)

    const sql = RIGHT.replace('uno, sum(tnum)', 'unno, sum(tnum)')
    await writeFile(join(folder(), 'sql.yaml'), sql)
    expectMistake(await headrace('run', 'sql.yaml', '--data', 'untouched'), {
      code: 'SQL_COLUMN_MISSING',
      place: `sql.yaml:${placeIn(sql, 'unno')}`,
      message: 'step "per_minute": there is no column "unno"',
      hint: /^Columns here: /,
    })
    await expect(headrace('dlq', 'list', '--data', 'untouched', '--json')).resolves.toMatchObject({
      stdout: '{"pipelines":[]}\n',
    })
  })
})

describe('files that are no pipeline', () => {
  const MODULE = { code: 'PIPELINE_MODULE', hint: /export default definePipeline/ } as const
  const UNREADABLE = { code: 'PIPELINE_FILE_UNREADABLE', hint: /^Check the path/ } as const
  const FILES: readonly (readonly [file: string, text: string | undefined, told: Omit<Expected, 'place'>])[] = [
    ['nowhere.yaml', undefined, { ...UNREADABLE, message: /"nowhere.yaml" cannot be read: it does not exist$/ }],
    ['folder.yaml', undefined, { ...UNREADABLE, message: /"folder.yaml" cannot be read: it is a folder$/ }],
    ['x.txt', RIGHT, { code: 'PIPELINE_FILE_TYPE', message: /"x.txt" is not called/, hint: /`\.yaml`/ }],
    ['none.ts', 'export {}', { ...MODULE, message: /it has no default export$/ }],
    ['fails.ts', 'throw new Error("not today")', { ...MODULE, message: /: not today$/ }],
    ['bad.mjs', 'export default {', { ...MODULE, message: /"bad.mjs" gives no pipeline: / }],
  ]

  test('each is told with its reason', async () => {
    await mkdir(join(folder(), 'folder.yaml'))
    for (const [file, text] of FILES) if (text !== undefined) await writeFile(join(folder(), file), text)
    const ended = await headrace('validate', ...FILES.map(([file]) => file))
    expect(ended.code).toBe(1)
    expectNoTrace(ended)
    const told = toldIn(ended.stdout)
    expect(told).toHaveLength(FILES.length)
    for (const [i, [file, , expected]] of FILES.entries()) {
      expectTold(told[i] as (typeof told)[0], { ...expected, place: file })
    }
  })

  test('a run tells it in the same way', async () => {
    expectMistake(await headrace('run', 'nowhere.yaml'), {
      ...UNREADABLE,
      place: 'nowhere.yaml',
      message: /it does not exist$/,
    })
  })
})

describe.concurrent('queries', () => {
  test.each<[string, Omit<Expected, 'place'>]>([
    ['SELEC 1', { code: 'QUERY_SYNTAX', message: '1:1: syntax error at or near "SELEC"', hint: /one SELECT/ }],
    ['SELECT a FROM (SELECT 1 AS b)', { code: 'QUERY_INVALID', message: /^1:8: .*"a" not found/, hint: /"b"/ }],
    ["SELECT 'x'::INTEGER", { code: 'QUERY_FAILED', message: /'x'/, hint: /TRY_CAST/ }],
    ["ATTACH 'x.db'", { code: 'QUERY_NOT_ALLOWED', message: /it begins with ATTACH/, hint: /nothing else/ }],
  ])('%s', async (sql, told) => {
    expectMistake(await headrace('query', sql), { ...told, place: undefined })
  })
})
