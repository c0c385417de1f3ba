import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonRow } from '../duckdb/index.ts'
import { EpochRecords, type Field } from '../model/index.ts'
import { blockOf } from '../testing/blocks.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { buffersWithout, recordsWithout } from './buffers.ts'
import { planColumns } from './json-columns.ts'
import { readFast } from './json-fast.ts'
import { readPrecise } from './json-precise.ts'
import { screen } from './screen.ts'
import { writeSpool } from './spool.ts'

const TYPES = [
  'VARCHAR',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'UINTEGER',
  'HUGEINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL(18,3)',
  'DECIMAL(38,10)',
  'BOOLEAN',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMP WITH TIME ZONE',
  'UUID',
  'JSON',
  'INTEGER[]',
  'VARCHAR[][]',
  'TIMESTAMP[2]',
  'MAP(VARCHAR, INTEGER)',
  'MAP(VARCHAR, DATE[])',
  'STRUCT(a INTEGER, b TIMESTAMP)',
  'STRUCT(a STRUCT(b BOOLEAN)[], c MAP(VARCHAR, DOUBLE))',
]

const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,40})$/)
const fraction = fc.stringMatching(/^-?(0|[1-9]\d{0,20})\.\d{1,20}([eE][+-]?\d{1,3})?$/)
const date = fc.stringMatching(/^(19|20)\d\d-(0[1-9]|1[0-2])-([0-2]\d|3[01])$/)
const time = fc.stringMatching(/^([01]\d|2[0-4]):[0-5]\d(:[0-6]\d(\.\d{1,9})?)?$/)
const zone = fc.constantFrom('', 'Z', '+02:00', '-0530', '+05', ' UTC', ' Europe/Berlin', 'z')
const stamp = fc.tuple(date, fc.constantFrom('T', ' '), time, zone).map((parts) => parts.join(''))
const words = fc.constantFrom(
  '',
  ' ',
  'true',
  'False',
  'yes',
  't',
  '1',
  'null',
  'nan',
  'NaN',
  'inf',
  '-Infinity',
  'epoch',
  '0x1f',
  '1_000',
)
const text = fc.oneof(
  words,
  digits,
  fraction,
  date,
  time,
  stamp,
  fc.uuid(),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)
const spaced = text.map((value) => ` ${value}\t`)
const scalar = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    'NaN',
    '-Infinity',
    '1.',
    '-',
    '01',
    '1e400',
    '"\\ud83d\\ude00"',
    '"\\u0000"',
  ),
  digits,
  fraction,
  fc.oneof(text, spaced).map((value) => JSON.stringify(value)),
)
const key = fc
  .oneof(fc.constantFrom('a', 'b', 'c', '1', '', '/~'), fc.string({ maxLength: 3 }))
  .map((k) => JSON.stringify(k))
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('json'), { maxLength: 3 }).map((parts) => `[${parts.join(', ')}]`),
    fc
      .array(fc.tuple(key, tie('json')), { maxLength: 3 })
      .map((parts) => `{${parts.map((p) => p.join(': ')).join(',')}}`),
  ),
}))
const likely = fc.oneof(stamp, date, time, fc.uuid(), digits).map((value) => `"${value}"`)
const record = fc.oneof(
  { weight: 4, arbitrary: likely.map((value) => `{"a":${value}}`) },
  { weight: 8, arbitrary: json.map((value) => `{"a":${value}}`) },
  { weight: 1, arbitrary: fc.tuple(json, json).map(([x, y]) => `{"a":${x},"b":${y}}`) },
  { weight: 1, arbitrary: fc.tuple(json, json).map(([x, y]) => `{"a":${x},\n"\\u0061":${y}}`) },
  { weight: 1, arbitrary: fc.tuple(json, fc.string({ maxLength: 3 })).map(([x, y]) => ` {"a":${x}${y}} `) },
)

let decoding: TestDecoding
beforeAll(async () => {
  decoding = await TestDecoding.open()
})
afterAll(() => decoding.close())

/** Each record's row, read alone on the fast path; undefined where it is refused. */
async function alone(values: readonly string[], columns: readonly Field[]): Promise<(JsonRow | undefined)[]> {
  const rows: (JsonRow | undefined)[] = []
  for (const value of values) {
    const records = new EpochRecords([blockOf([value])])
    const { rejected, longest } = screen(records)
    const { connection, spoolFile } = decoding
    await writeSpool(spoolFile, buffersWithout(records, rejected))
    const request = { connection, table: 'fast', columns: planColumns(columns), spoolFile, longest, expected: 1 }
    const good = rejected.length === 0 && (await readFast(request))
    rows.push(good ? await connection.row('SELECT * FROM fast') : undefined)
  }
  return rows
}

/** The same from the precise path, all records together. */
async function together(values: readonly string[], columns: readonly Field[]): Promise<(JsonRow | undefined)[]> {
  const records = new EpochRecords([blockOf(values)])
  const screened = screen(records).rejected
  const { connection } = decoding
  const which = recordsWithout(records.count, screened)
  const request = { connection, table: 'precise', columns: planColumns(columns), required: [], records, which }
  const rejected = new Set([...screened, ...(await readPrecise(request))].map((r) => r.record))
  const rows = (await connection.rows('SELECT * FROM precise ORDER BY rowid'))[Symbol.iterator]()
  return values.map((_, i) => (rejected.has(i) ? undefined : rows.next().value))
}

describe('both paths', () => {
  let read = 0
  let refused = 0
  it.each(TYPES)('read the same values as %s and refuse the same', async (type) => {
    const columns = fields({ a: type })
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 40, maxLength: 40 }), async (values) => {
        const fast = await alone(values, columns)
        const precise = await together(values, columns)
        const shown = (rows: readonly (JsonRow | undefined)[]) =>
          values.map((value, i) => [value, rows[i] ?? 'refused'])
        expect(shown(precise)).toEqual(shown(fast))
        read += fast.filter((row) => row !== undefined).length
        refused += fast.filter((row) => row === undefined).length
      }),
      { numRuns: 2, endOnFailure: true },
    )
  })

  it('had enough to read and to refuse', () => {
    expect(read).toBeGreaterThan(200)
    expect(refused).toBeGreaterThan(200)
  })
})
