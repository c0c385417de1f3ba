import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatProblem } from '../errors/index.ts'
import { definePipeline } from './define-pipeline.ts'
import { adapters } from './fixtures/adapters.ts'
import { parsePipeline, parsePipelineObject } from './parse.ts'

const FILE = 'pipeline.yaml'

const GOOD = `\
name: trades-per-minute
source:
  stream: { topic: trades }
  decode:
    json:
      columns:
        uno: varchar
        tnum: { type: int, required: true }
        tuptime: timestamp
  watermark: { column: tuptime, delay: 5 seconds }
steps:
  - filter: tnum > 0
  - name: per_minute
    sql: |
      SELECT window_start, count(*) AS orders
      FROM input
  - applyMapping: [[a, b], [c, int, d], [e, string, f, long]]
    from: input
sinks:
  - folder: { path: out, roll: { every: 1 minute } }
    from: per_minute
  - table: { table: trades, key: [uno] }
    name: warehouse
    maxPendingBytes: 64 MiB
`

/** The good file with one text replaced; the test fails where that text is not there. */
function changed(from: string, to: string): string {
  expect(GOOD).toContain(from)
  return GOOD.replace(from, () => to)
}

function problemsOf(text: string, parameters: Record<string, string> = {}): string[] {
  return parsePipeline(text, FILE, adapters, { parameters }).problems.map(
    ({ code, message, hint, place }) => `${place?.line}:${place?.column} ${code} ${message} | ${hint}`,
  )
}

test('a good file becomes a configuration with defaults and plain units', () => {
  const { config, problems } = parsePipeline(GOOD, FILE, adapters)
  expect(problems).toEqual([])
  expect({ ...config, placeOf: undefined }).toEqual({
    name: 'trades-per-minute',
    source: {
      name: 'stream',
      adapter: 'stream',
      config: { topic: 'trades', start: 'earliest', checksums: true },
      decode: {
        format: 'json',
        columns: [
          { name: 'uno', type: 'VARCHAR' },
          { name: 'tnum', type: 'INTEGER' },
          { name: 'tuptime', type: 'TIMESTAMP' },
        ],
        required: ['tnum'],
      },
      tombstones: 'deadLetters',
      watermark: { column: 'tuptime', delayMs: 5000, maxAheadMs: 86_400_000, late: 'deadLetters' },
    },
    steps: [
      { kind: 'filter', name: 'filter_1', from: 'input', condition: 'tnum > 0' },
      {
        kind: 'sql',
        name: 'per_minute',
        from: 'filter_1',
        sql: 'SELECT window_start, count(*) AS orders\nFROM input\n',
      },
      {
        kind: 'applyMapping',
        name: 'apply_mapping_3',
        from: 'input',
        mappings: [
          { source: 'a', target: 'b' },
          { source: 'c', target: 'd', type: 'int' },
          { source: 'e', target: 'f', type: 'long' },
        ],
      },
    ],
    trigger: { intervalMs: 1000, maxRecords: 120_000, maxBytes: 15_728_640 },
    sinks: [
      {
        name: 'folder',
        from: 'per_minute',
        adapter: 'folder',
        config: { path: 'out', compression: 'zstd', roll: { every: '1 minute' } },
        maxPendingBytes: 1_073_741_824,
      },
      {
        name: 'warehouse',
        from: 'apply_mapping_3',
        adapter: 'table',
        config: { table: 'trades', key: ['uno'] },
        maxPendingBytes: 67_108_864,
      },
    ],
    maxRejects: 1000,
    placeOf: undefined,
  })
})

test('places are those of the text: inside quotes, and the first line of a block', () => {
  const text = changed('- filter: tnum > 0', '- filter: "tnum > 0"')
  const { config } = parsePipeline(text, FILE, adapters)
  const at = (...path: (string | number)[]) => config?.placeOf(path)
  expect(at('steps', 0, 'filter')).toEqual({ file: FILE, line: 12, column: 14 })
  expect(at('steps', 1, 'sql')).toEqual({ file: FILE, line: 15, column: 7 })
  expect(at('sinks', 1, 'table', 'key', 0)).toEqual({ file: FILE, line: 22, column: 35 })
  // Nothing nearer is known than the sink itself.
  expect(at('sinks', 1, 'table', 'missing')).toEqual({ file: FILE, line: 22, column: 12 })
})

describe('each mistake has its code, place and hint', () => {
  test.each<[what: string, text: () => string, problems: string[]]>([
    [
      'unknown key',
      () => changed('topic: trades', 'topic: trades, strat: latest'),
      ['3:28 CONFIG_UNKNOWN_KEY "strat" is not a key of source.stream | Did you mean `start`?'],
    ],
    [
      'unknown key at the top',
      () => `${GOOD}sources: {}\n`,
      ['25:1 CONFIG_UNKNOWN_KEY "sources" is not a key of the pipeline | Did you mean `source`?'],
    ],
    [
      'unknown key near nothing',
      () => changed('path: out', 'path: out, zebra: 1'),
      [
        '20:26 CONFIG_UNKNOWN_KEY "zebra" is not a key of sinks[0].folder | Keys here: `path`, `partitionBy`, `compression`, `roll`.',
      ],
    ],
    [
      'missing key',
      () => changed('topic: trades', 'start: latest'),
      ['3:3 CONFIG_MISSING source.stream lacks the key `topic` | Add `topic:` with text.'],
    ],
    [
      'missing section',
      () => 'name: x\n',
      [
        '1:1 CONFIG_MISSING the pipeline lacks the key `source` | Add `source:` with a mapping with `decode`.',
        '1:1 CONFIG_MISSING the pipeline lacks the key `sinks` | Add `sinks:` with a list.',
      ],
    ],
    [
      'wrong type',
      () => `${GOOD}maxRejects: many\n`,
      ['25:13 CONFIG_TYPE maxRejects must be a whole number, not "many" | Write a whole number here.'],
    ],
    [
      'number for text',
      () => changed('filter: tnum > 0', 'filter: 5'),
      ['12:13 CONFIG_TYPE steps[0].filter must be text, not 5 | Put it in quotes.'],
    ],
    [
      'list for mapping',
      () => changed('{ topic: trades }', '[trades]'),
      [
        '3:11 CONFIG_TYPE source.stream must be a mapping with `topic`, not a list | Write a mapping with `topic` here.',
      ],
    ],
    [
      'nothing',
      () => changed('{ topic: trades }', ''),
      [
        '3:11 CONFIG_TYPE source.stream must be a mapping with `topic`, not nothing | Write a mapping with `topic` here.',
      ],
    ],
    [
      'out of range',
      () => changed('topic: trades', 'topic: trades, limit: 0'),
      ['3:35 CONFIG_VALUE source.stream.limit must be at least 1, not 0 | Write a larger number.'],
    ],
    [
      'pattern',
      () => changed('name: trades-per-minute', 'name: trades/minute'),
      [
        '1:7 CONFIG_VALUE name cannot be "trades/minute" | Letters, digits, `_` and `-`, at most 100. State, dead letters and output are kept under this name. It must match `^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`.',
      ],
    ],
    [
      'one of several words',
      () => changed('path: out', 'path: out, compression: snapy'),
      [
        '20:39 CONFIG_VALUE sinks[0].folder.compression must be `snappy` or `zstd`, not "snapy" | Did you mean `snappy`?',
      ],
    ],
    [
      'word or mapping, misspelt word',
      () => changed('topic: trades', 'topic: trades, start: erliest'),
      [
        '3:35 CONFIG_TYPE source.stream.start must be `earliest`, `latest`, a mapping with `timestamp` or a mapping with `offsets`, not "erliest" | Did you mean `earliest`?',
      ],
    ],
    [
      'word or mapping, mapping with a mistake',
      () => changed('topic: trades', 'topic: trades, start: { timestamp: noon }'),
      [
        '3:48 CONFIG_TIMESTAMP "noon" is not a point in time | Write it as in ISO 8601: `2026-11-20T13:15:48Z`, `2026-11-20T13:15:48+02:00`, or `2026-11-20` for midnight UTC.',
      ],
    ],
    [
      'duration',
      () => changed('delay: 5 seconds', 'delay: 5 secnods'),
      [
        '10:40 CONFIG_DURATION "5 secnods" is not a duration | Write a number and a unit, as in `500 ms`, `5 seconds`, `1 minute`, `2 h` or `1 day`.',
      ],
    ],
    [
      'size',
      () => changed('64 MiB', '64 megs'),
      [
        '24:22 CONFIG_SIZE "64 megs" is not a size | Write a number and a unit, as in `512 bytes`, `64 MiB` (1024s) or `1 MB` (thousands).',
      ],
    ],
    [
      'column type',
      () => changed('uno: varchar', 'uno: varchr'),
      [
        '7:14 CONFIG_COLUMN_TYPE "varchr" is not a column type | Did you mean `varchar`? Lists are `T[]`, structures `struct(a T, b T)`.',
      ],
    ],
    [
      'unknown adapter',
      () => changed('stream: {', 'straem: {'),
      ['3:3 CONFIG_UNKNOWN_KIND there is no source adapter called "straem" | Did you mean `stream`?'],
    ],
    [
      'a sink where a source belongs',
      () => changed('stream: { topic: trades }', 'folder: { path: x }'),
      ['3:3 CONFIG_UNKNOWN_KIND there is no source adapter called "folder" | Known ones: `stream`.'],
    ],
    [
      'unknown kind of step',
      () => changed('- filter: tnum > 0', '- map: x'),
      [
        '12:5 CONFIG_UNKNOWN_KIND there is no kind of step called "map" | Known ones: `filter`, `sql`, `select`, `applyMapping`.',
      ],
    ],
    [
      'several adapters',
      () => changed('- table: {', '- folder: { path: x }\n    table: {'),
      [
        '23:5 CONFIG_ONE_KIND sinks[1] names several sink adapters: "folder", "table" | Keep one; make the others entries of their own.',
      ],
    ],
    [
      'no adapter',
      () => changed('  - folder: { path: out, roll: { every: 1 minute } }\n    from', '  - from'),
      ['20:5 CONFIG_ONE_KIND sinks[0] names no sink adapter | Add one of `folder`, `table`.'],
    ],
    [
      'from that names nothing',
      () => changed('from: per_minute', 'from: per_minut'),
      [
        '21:11 CONFIG_REFERENCE sinks[0].from names "per_minut", which is no step before it | Did you mean `per_minute`?',
      ],
    ],
    [
      'from that names a later step',
      () => changed('- filter: tnum > 0', '- { filter: tnum > 0, from: per_minute }'),
      [
        '12:31 CONFIG_REFERENCE steps[0].from names "per_minute", which is no step before it | Possible names: `input`.',
      ],
    ],
    [
      'a step called input',
      () => changed('name: per_minute', 'name: Input').replace('from: per_minute', 'from: filter_1'),
      [
        '13:11 CONFIG_NAME "Input" cannot be the name of a step | `input` is what steps call the decoded records. Choose another name.',
      ],
    ],
    [
      'a step name with an underscore first',
      () => changed('name: per_minute', 'name: _per'),
      [
        '13:11 CONFIG_VALUE steps[1].name cannot be "_per" | What later steps and sinks call it: letters, digits and `_`, beginning with a letter. It must match `^[A-Za-z][A-Za-z0-9_]{0,62}$`.',
        '21:11 CONFIG_REFERENCE sinks[0].from names "per_minute", which is no step before it | Possible names: `input`, `filter_1`, `_per`, `apply_mapping_3`.',
      ],
    ],
    [
      'two steps of one name',
      () => changed('- filter: tnum > 0', '- { filter: tnum > 0, name: PER_MINUTE }'),
      ['13:11 CONFIG_DUPLICATE there are two steps called "per_minute" | Give each a `name:` of its own.'],
    ],
    [
      'two sinks of one name',
      () => changed('name: warehouse', 'name: folder'),
      [
        '23:11 CONFIG_DUPLICATE there are two sinks called "folder" | Give each sink a `name:` of its own: its progress is kept under it.',
      ],
    ],
    [
      'two columns of one name',
      () => changed('uno: varchar', 'uno: varchar\n        UNO: int'),
      [
        '8:9 CONFIG_DUPLICATE there are two columns called "UNO" | SQL does not tell letter case apart: keep one of them.',
      ],
    ],
    [
      'a reserved column',
      () => changed('uno: varchar', '_offset: bigint'),
      [
        '7:9 CONFIG_NAME "_offset" cannot be the name of a column | Headrace keeps this name for what it knows about each record itself.',
      ],
    ],
    [
      'a watermark over no column',
      () => changed('column: tuptime', 'column: tuptim'),
      [
        '10:24 CONFIG_REFERENCE source.watermark.column names "tuptim", which is no declared column | Did you mean `tuptime`?',
      ],
    ],
    [
      'a watermark over a number',
      () => changed('column: tuptime', 'column: tnum'),
      [
        '10:24 CONFIG_VALUE the watermark\'s column "tnum" has the type INTEGER, not a timestamp | Declare it as `timestamp` or `timestamptz` in source.decode.json.columns.',
      ],
    ],
    [
      'a tuple too short',
      () => changed('[a, b]', '[a]'),
      ['17:20 CONFIG_VALUE steps[2].applyMapping[0] must have 2 to 4 entries, not 1 | Add or remove entries.'],
    ],
    [
      'what the adapter finds',
      () => changed('topic: trades', 'topic: forbidden, limit: 5'),
      ['3:38 CONFIG_VALUE a forbidden topic has no limit | Leave it out.'],
    ],
    [
      'the same key twice',
      () => changed('uno: varchar', 'uno: varchar\n        uno: int'),
      ['8:9 CONFIG_DUPLICATE there are two keys called "uno" | Keep one of them.'],
    ],
    [
      'no YAML',
      () => 'name: x\nsource: {stream: [\n',
      [expect.stringMatching(/^3:1 CONFIG_YAML this is not valid YAML: .* \| Check indentation/) as never],
    ],
    [
      'tabs',
      () => 'name: x\nsource:\n\tstream: x\n',
      [expect.stringMatching(/^3:1 CONFIG_YAML this is not valid YAML: tabs are not allowed/) as never],
    ],
    [
      'an unknown tag',
      () => 'name: !secret x\n',
      [expect.stringMatching(/^1:7 CONFIG_YAML this is not valid YAML: unresolved tag/) as never],
    ],
    [
      'nothing at all',
      () => '# to do\n',
      [
        '1:1 CONFIG_TYPE the pipeline must be a mapping with `name`, `source`, `sinks`, not nothing | Write a mapping with `name`, `source`, `sinks` here.',
      ],
    ],
  ])('%s', (_, text, problems) => {
    expect(problemsOf(text())).toEqual(problems)
  })
})

test('all mistakes are told at once, in the order of the file', () => {
  const text = `\
name: 12
source:
  stream: { topik: trades }
  decode: { json: { columns: { a: intger, t: timestamp } } }
  watermark: { column: b, delay: soon }
steps:
  - filter: a > 0
    form: input
  - sql: SELECT 1
    select: [a]
triger: { interval: 1 second }
sinks:
  - folder: { path: out, roll: { every: 1 fortnight } }
    from: nowhere
`
  expect(problemsOf(text).map((problem) => problem.split(' ').slice(0, 2).join(' '))).toEqual([
    '1:7 CONFIG_TYPE',
    '3:13 CONFIG_UNKNOWN_KEY',
    '4:35 CONFIG_COLUMN_TYPE',
    '5:34 CONFIG_DURATION',
    '8:5 CONFIG_UNKNOWN_KEY',
    '10:5 CONFIG_ONE_KIND',
    '11:1 CONFIG_UNKNOWN_KEY',
    '13:41 CONFIG_DURATION',
    '14:11 CONFIG_REFERENCE',
  ])
})

describe('a file with mistakes', () => {
  const draftOf = (text: string) => parsePipeline(text, FILE, adapters).draft

  test('has a draft to check the SQL with, where columns and steps are clear', () => {
    const text = changed('delay: 5 seconds', 'delay: soon').replace('path: out', 'paht: out')
    expect(problemsOf(`${text}trigger:\n`).map((problem) => problem.split(' ')[1])).toEqual([
      'CONFIG_DURATION',
      'CONFIG_UNKNOWN_KEY',
      'CONFIG_TYPE',
    ])
    const draft = draftOf(`${text}trigger:\n`)
    expect(draft?.steps.map((step) => step.name)).toEqual(['filter_1', 'per_minute', 'apply_mapping_3'])
    expect(draft?.source.watermark?.column).toBe('tuptime')
    expect(draft?.sinks).toEqual([])
    expect(draftOf(changed('64 MiB', 'much').replace('maxPendingBytes: much', 'maxRejects: 5'))?.sinks).toEqual([])
  })

  test('has none where they are not, and a good one needs none', () => {
    expect(draftOf(changed('uno: varchar', 'uno: varchr'))).toBeUndefined()
    expect(draftOf(changed('filter: tnum', 'fliter: tnum'))).toBeUndefined()
    expect(draftOf(changed('column: tuptime', 'column: tuptim'))).toBeUndefined()
    expect(draftOf(GOOD)).toBeUndefined()
  })
})

test('a problem prints as a link, a code, a message and a hint', () => {
  const [problem] = parsePipeline(changed('delay: 5 seconds', 'delay: soon'), FILE, adapters).problems
  expect(problem && formatProblem(problem)).toBe(
    'pipeline.yaml:10:40  CONFIG_DURATION  "soon" is not a duration\n' +
      '  Write a number and a unit, as in `500 ms`, `5 seconds`, `1 minute`, `2 h` or `1 day`.',
  )
})

describe('parameters', () => {
  const text = changed('topic: trades', `topic: "\${param:topic:-trades}", limit: "\${param:limit}"`)

  test('are filled in, numbers where numbers belong, defaults where nothing is given', () => {
    const { config, problems } = parsePipeline(text, FILE, adapters, { parameters: { limit: '7' } })
    expect(problems).toEqual([])
    expect(config?.source.config).toMatchObject({ topic: 'trades', limit: 7 })
    const other = parsePipeline(text, FILE, adapters, { parameters: { limit: '7', topic: 'orders' } })
    expect(other.config?.source.config).toMatchObject({ topic: 'orders' })
  })

  test('cannot change the structure of the file', () => {
    const parameters = { limit: '7', topic: 'x }\nname: y' }
    expect(problemsOf(text, parameters)).toEqual([
      expect.stringMatching(
        /^3:21 CONFIG_VALUE source.stream.topic cannot be the value of "\$\{param:topic:-trades\}"/,
      ),
    ])
  })

  test('that are missing are a mistake in the place that wants them, and the only one there', () => {
    expect(problemsOf(text)).toEqual([
      `3:54 CONFIG_PARAMETER_MISSING the parameter "limit" was not given | Give it with \`--param limit=…\`, or write a default: \`\${param:limit:-…}\`.`,
    ])
  })

  test('environment and files are for connections only', () => {
    expect(problemsOf(changed('topic: trades', `topic: "\${env:HOME}"`))).toEqual([
      expect.stringMatching(
        /^3:21 CONFIG_INTERPOLATION "\$\{env:HOME\}" cannot be filled in here \| Possible here: `\$\{param:name\}`/,
      ),
    ])
  })

  test('a doubled dollar sign is a dollar sign', () => {
    const { config } = parsePipeline(changed('tnum > 0', `uno <> '$\${x}'`), FILE, adapters)
    expect(config?.steps[0]).toMatchObject({ condition: `uno <> '\${x}'` })
  })
})

test('aliases are followed', () => {
  const text = `${changed('path: out', 'path: &where out').replace('table: trades', 'table: *where')}`
  expect(parsePipeline(text, FILE, adapters).config?.sinks[1]?.config).toMatchObject({ table: 'out' })
})

test('aliases of aliases do not grow without end', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 12; i++)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`)
  const codes = parsePipeline(lines.join('\n'), FILE, adapters).problems.map((problem) => problem.code)
  expect(codes).toEqual(['CONFIG_YAML'])
})

test('a file beyond 1 MiB is refused unread', () => {
  expect(problemsOf(`${GOOD}# ${'x'.repeat(1024 * 1024)}\n`)).toEqual([
    expect.stringMatching(/^1:1 CONFIG_TOO_LARGE the file has \d+ bytes; at most 1048576 are read/),
  ])
})

test('an object ends in the same configuration as the file', () => {
  const pipeline = definePipeline({
    name: 'p',
    source: { stream: { topic: 't' }, decode: { json: { columns: { a: 'int' } } } },
    steps: [{ filter: 'a > 0' }],
    sinks: [{ folder: { path: 'out' } }],
  })
  const yaml = `\
name: p
source: { stream: { topic: t }, decode: { json: { columns: { a: int } } } }
steps: [{ filter: a > 0 }]
sinks: [{ folder: { path: out } }]
`
  const fromObject = parsePipelineObject(pipeline, adapters, { file: 'pipeline.ts' })
  const fromYaml = parsePipeline(yaml, FILE, adapters)
  expect(fromObject.problems).toEqual([])
  expect({ ...fromObject.config, placeOf: undefined }).toEqual({ ...fromYaml.config, placeOf: undefined })
  expect(fromObject.config?.placeOf(['name'])).toEqual({ file: 'pipeline.ts' })

  const wrong = parsePipelineObject({ ...pipeline, sinks: [] }, adapters, { file: 'pipeline.ts' })
  expect(wrong.problems).toEqual([
    {
      code: 'CONFIG_VALUE',
      message: 'sinks must have at least 1 entries, not 0',
      hint: 'Add or remove entries.',
      place: { file: 'pipeline.ts' },
    },
  ])
})

describe('for any text', () => {
  const words = fc.constantFrom(
    ...['name', 'source', 'sinks', 'steps', 'stream', 'json', 'columns', 'filter', 'from', '__proto__', 'constructor'],
    ...[': ', '- ', '\n', '\n  ', '\n    ', '{', '}', '[', ']', ',', '"', "'", '|', '>', '&a ', '*a', '!x ', '? ', '#'],
    ...['5', 'true', 'null', `\${param:x}`, `\${`, '\t', '---\n', 'é', '🙂', '\r\n'],
  )
  const soup = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(''))
  const mangled = fc
    .tuple(fc.nat(GOOD.length), fc.nat(40), fc.oneof(soup, fc.string()))
    .map(([at, length, text]) => GOOD.slice(0, at) + text + GOOD.slice(at + length))

  test('parsing never throws, and every problem has a place inside the file', () => {
    const property = fc.property(fc.oneof(fc.string(), soup, mangled), (text) => {
      const { config, draft, problems } = parsePipeline(text, FILE, adapters)
      expect(config !== undefined && draft !== undefined).toBe(false)
      expect(config === undefined).toBe(problems.length > 0)
      const lines = text.split('\n')
      for (const { place, code, message, hint } of problems) {
        expect(code).toMatch(/^CONFIG_[A-Z_]+$/)
        expect([message, hint].every((part) => part !== '' && !part.includes('undefined'))).toBe(true)
        expect(place?.file).toBe(FILE)
        expect(place?.line).toBeGreaterThanOrEqual(1)
        expect(place?.line).toBeLessThanOrEqual(lines.length)
        expect(place?.column).toBeGreaterThanOrEqual(1)
        expect(place?.column).toBeLessThanOrEqual((lines[(place?.line as number) - 1] as string).length + 1)
      }
    })
    fc.assert(property, { numRuns: 600 })
  })

  test('deep nesting is a problem, not a crash', () => {
    for (const text of ['['.repeat(50_000), '- '.repeat(20_000), `${'{a: '.repeat(3000)}1${'}'.repeat(3000)}`]) {
      expect(parsePipeline(text, FILE, adapters).problems[0]?.code).toBe('CONFIG_YAML')
    }
  })
})
