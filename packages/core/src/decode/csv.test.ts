import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DecodeConfigOf } from '../config/decode-schema.ts'
import type { TestValue } from '../testing/blocks.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { csvDecoder } from './csv.ts'

const COLUMNS = fields({ tno: 'VARCHAR', tnum: 'INTEGER', at: 'TIMESTAMP' })
const GOOD = 'T1,3,2021-03-19 13:15:48'
const GOOD_ROW = { tno: 'T1', tnum: 3, at: '2021-03-19 13:15:48' }

let decoding: TestDecoding
beforeAll(async () => {
  decoding = await TestDecoding.open()
})
afterAll(() => decoding.close())

const dialect = (settings: Partial<DecodeConfigOf<'csv'>> = {}) =>
  csvDecoder({
    format: 'csv',
    columns: [],
    required: [],
    delimiter: ',',
    quote: '"',
    null: '',
    header: false,
    ...settings,
  })

function decode(values: readonly TestValue[], settings: Partial<DecodeConfigOf<'csv'>> = {}, columns = COLUMNS) {
  const { required = [], ...rest } = settings
  return decoding.decode(values, columns, { decoder: dialect(rest), required })
}

describe('rows', () => {
  it('one for each record, in order', async () => {
    const values = Array.from({ length: 5000 }, (_, i) => `T${i},${i},`)
    const { rows, rejected, recordOfRow, table } = await decode(values)
    expect({ rows, rejected, recordOfRow }).toEqual({ rows: 5000, rejected: [], recordOfRow: undefined })
    expect(table).toEqual(values.map((_, i) => ({ tno: `T${i}`, tnum: i, at: null })))
  })

  it('line ends of their own, quotes, empty texts and NULL', async () => {
    const { rejected, table } = await decode([
      `${GOOD}\r\n`,
      `${GOOD}\n`,
      '"a ""b"", c\r\nd",,',
      '"",1,2021-03-19T13:15:48+02:00',
    ])
    expect(rejected).toEqual([])
    expect(table).toEqual([
      GOOD_ROW,
      GOOD_ROW,
      { tno: 'a "b", c\r\nd', tnum: null, at: null },
      { tno: '', tnum: 1, at: '2021-03-19 11:15:48' },
    ])
  })

  it('another dialect, and a header of their own', async () => {
    const settings = { delimiter: '|', quote: "'", null: 'NULL', header: true }
    const header = 'tno|tnum|at\n'
    const { rejected, table } = await decode(
      [`${header}'it''s|x'|1|NULL`, GOOD, `tnum|tno|at\n1|2|NULL`, `tno|tnum|at\r\n|2|NULL\r\n`],
      settings,
    )
    expect(table).toEqual([
      { tno: "it's|x", tnum: 1, at: null },
      { tno: '', tnum: 2, at: null },
    ])
    expect(rejected.map(({ record, reason }) => [record, reason])).toEqual([
      [1, 'not CSV: there is no header line before the row'],
      [2, 'not CSV: its header names tnum, tno, at; the columns are tno, tnum, at'],
    ])
  })

  it('long ones', async () => {
    const long = 'x'.repeat(5 * 1024 * 1024)
    const { table } = await decode([GOOD, `${long},1,`, GOOD])
    expect(table.map((row) => (row.tno as string).length)).toEqual([2, long.length, 2])
  })

  it('of one column', async () => {
    const { table, rejected } = await decode(['a', '""', '', 'b'], {}, fields({ a: 'VARCHAR' }))
    expect(table).toEqual([{ a: 'a' }, { a: '' }, { a: 'b' }])
    expect(rejected).toMatchObject([{ record: 2, code: 'RECORD_EMPTY' }])
  })

  it('hold whatever text there is', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', '\t', '\\', 'ä', '😀', "'", '0') })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 20 }), async (rows) => {
        const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`
        const values = rows.map(([a, b]) => `${/^[a ä0]+$/.test(a) ? a : quoted(a)},${quoted(b)}`)
        const { table, rejected } = await decode(values, {}, fields({ a: 'VARCHAR', b: 'VARCHAR' }))
        expect(rejected).toEqual([])
        expect(table).toEqual(rows.map(([a, b]) => ({ a, b })))
      }),
      { numRuns: 60 },
    )
  })
})

describe('bad records', () => {
  const notUtf8 = Buffer.concat([Buffer.from('a'), Buffer.from([0xff]), Buffer.from(',1,')])
  const cases: [name: string, value: TestValue, code: string, reason: string][] = [
    ['a tombstone', null, 'RECORD_EMPTY', 'the record has no value (a tombstone)'],
    ['nothing', '', 'RECORD_EMPTY', 'the value is empty'],
    ['a newline alone', '\r\n', 'RECORD_EMPTY', 'the value is empty'],
    ['too few fields', 'a,1', 'RECORD_MALFORMED', 'not CSV: it has 2 fields; there are 3 columns'],
    ['too many fields', 'a,1,,', 'RECORD_MALFORMED', 'not CSV: it has 4 fields; there are 3 columns'],
    ['two rows', `${GOOD}\n${GOOD}`, 'RECORD_MALFORMED', 'not CSV: a line break outside quotes at position 24'],
    ['an open quote', '"a,1,', 'RECORD_MALFORMED', 'not CSV: a quote is not closed in field 1'],
    ['an open quote and a line', 'a,1,"x\n', 'RECORD_MALFORMED', 'not CSV: a quote is not closed in field 3'],
    ['text after a quote', '"a"b,1,', 'RECORD_MALFORMED', 'not CSV: text follows the closing quote of field 1'],
    ['a quote within', 'a"b,1,', 'RECORD_MALFORMED', 'not CSV: a quote within field 1, which is not quoted'],
    ['not UTF-8', notUtf8, 'RECORD_NOT_UTF8', 'not UTF-8: byte 0xFF at position 1'],
    ['a text for a number', 'a,b,', 'RECORD_WRONG_TYPE', 'column tnum: "b" is not an INTEGER'],
    ['an empty text for a number', 'a,"",', 'RECORD_WRONG_TYPE', 'column tnum: "" is not an INTEGER'],
    ['no such day', 'a,1,2021-02-30', 'RECORD_WRONG_TYPE', 'column at: "2021-02-30" is not a TIMESTAMP'],
    ['too large', `${'x'.repeat(16 * 1024 * 1024)},1,`, 'RECORD_TOO_LARGE', expect.stringContaining('16777216')],
  ]
  it.each(cases)('%s', async (_, value, code, reason) => {
    const { rejected, recordOfRow, table } = await decode([GOOD, value, GOOD])
    expect(rejected).toEqual([{ record: 1, code, reason }])
    expect([...(recordOfRow ?? [])]).toEqual([0, 2])
    expect(table).toEqual([GOOD_ROW, GOOD_ROW])
  })

  it('are told apart in one epoch', async () => {
    const { rejected, table } = await decode(cases.flatMap(([, value]) => [GOOD, value]))
    expect(rejected.map(({ record, code }) => [record, code])).toEqual(cases.map(([, , code], i) => [2 * i + 1, code]))
    expect(table).toEqual(cases.map(() => GOOD_ROW))
  })

  it('may be all of an epoch', async () => {
    expect(await decode(['', null])).toMatchObject({ rows: 0, table: [], rejected: [{ record: 0 }, { record: 1 }] })
  })

  it('lack what is required', async () => {
    const { rejected, table } = await decode([',1,', GOOD, 'a,,'], { required: ['tnum', 'tno'] })
    expect(rejected.map(({ record, reason }) => [record, reason])).toEqual([
      [0, 'column tno is required, and the record has none or null'],
      [2, 'column tnum is required, and the record has none or null'],
    ])
    expect(table).toEqual([GOOD_ROW])
  })
})
