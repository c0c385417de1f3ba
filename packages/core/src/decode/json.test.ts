import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blockOf, type TestValue } from '../testing/blocks.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'

const TRADE = fields({ tno: 'VARCHAR', tnum: 'INTEGER', tuptime: 'TIMESTAMP' })
const GOOD = '{"tno":"T1","tnum":3,"tuptime":"2021-03-19T13:15:48.123456"}'
const GOOD_ROW = { tno: 'T1', tnum: 3, tuptime: '2021-03-19 13:15:48.123456' }

let decoding: TestDecoding
beforeAll(async () => {
  decoding = await TestDecoding.open()
})
afterAll(() => decoding.close())

describe('an epoch of good records', () => {
  it('becomes one row per record, in order, over blocks and partitions', async () => {
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `{"tno":"T${from + i}","tnum":${from + i}}`)
    const blocks = [
      blockOf(numbered(0, 3000), { partition: 'a' }),
      blockOf(numbered(6000, 6001), { partition: 'b' }),
      blockOf([], { partition: 'a' }),
      blockOf(numbered(3000, 6000), { partition: 'a' }),
    ]
    const { rows, rejected, recordOfRow, table } = await decoding.decode({ blocks }, TRADE)
    expect({ rows, rejected, recordOfRow }).toEqual({ rows: 6001, rejected: [], recordOfRow: undefined })
    expect(table.map((row) => row.tnum)).toEqual(Array.from({ length: 6001 }, (_, i) => i))
  })

  it('may be empty', async () => {
    expect(await decoding.decode([], TRADE)).toEqual({ rows: 0, rejected: [], table: [] })
    const columns = await decoding.connection.describe('SELECT * FROM _input')
    expect(columns.map((column) => column.type)).toEqual(['VARCHAR', 'INTEGER', 'TIMESTAMP'])
  })

  it('keeps rowid and record number the same in a large file that several threads read', async () => {
    const values = Array.from({ length: 60_000 }, (_, i) => `{"i":${i},"pad":"${'x'.repeat(100)}"}`)
    await decoding.decode(values, fields({ i: 'BIGINT' }))
    const row = await decoding.connection.row('SELECT count(*)::INTEGER n, bool_and(i = rowid) AS same FROM _input')
    expect(row).toEqual({ n: 60_000, same: true })
  })

  it('takes records larger than the reader’s usual buffer', async () => {
    const long = 'x'.repeat(5 * 1024 * 1024)
    const { table } = await decoding.decode([GOOD, `{"tno":"${long}"}`, GOOD], TRADE)
    expect(table.map((row) => (row.tno as string).length)).toEqual([2, long.length, 2])
  })

  it('reads a key that needs quoting', async () => {
    const columns = fields({ 'a "b\' c/d~': 'INTEGER', ü: 'VARCHAR' })
    const { table } = await decoding.decode(['{"a \\"b\' c/d~":1,"ü":"ä"}'], columns)
    expect(table).toEqual([{ 'a "b\' c/d~': 1, ü: 'ä' }])
    const { rejected } = await decoding.decode(['{"a \\"b\' c/d~":"x"}'], columns)
    expect(rejected[0]?.reason).toBe(`column a "b' c/d~: "x" is not an INTEGER`)
  })
})

describe('values', () => {
  const cases: [type: string, json: string, value: unknown][] = [
    ['VARCHAR', '1.50', '1.5'],
    ['VARCHAR', '123456789012345678901234567890', '123456789012345678901234567890'],
    ['VARCHAR', 'true', 'true'],
    ['VARCHAR', '{"x": [1, 2]}', '{"x":[1,2]}'],
    ['VARCHAR', '"a\\u0000b"', 'a\u0000b'],
    ['INTEGER', '"12"', 12],
    ['INTEGER', '2.5', 2],
    ['BIGINT', '9223372036854775807', '9223372036854775807'],
    ['DOUBLE', '1e3', 1000],
    ['DECIMAL(18,3)', '0.1', '0.100'],
    ['DECIMAL(20,2)', '"12345678901234567.89"', '12345678901234567.89'],
    ['BOOLEAN', 'true', true],
    ['DATE', '"2021-03-19"', '2021-03-19'],
    ['TIME', '"13:15:48.5"', '13:15:48.5'],
    ['UUID', '"6f9619ff-8b86-d011-b42d-00c04fc964ff"', '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
    ['JSON', '{"x": 1}', '{"x":1}'],
    ['INTEGER[]', '[1,null,"3"]', [1, null, 3]],
    ['STRUCT(x INTEGER, "y z" VARCHAR)', '{"x":1,"other":2}', { x: 1, 'y z': null }],
    ['STRUCT(t TIMESTAMP)[]', '[{"t":"2021-03-19T13:15:48+02:00"}]', [{ t: '2021-03-19 11:15:48' }]],
    ['TIMESTAMP', '"2021-03-19T13:15:48+02:00"', '2021-03-19 11:15:48'],
    ['TIMESTAMP', '"2021-03-19T13:15:48-0530"', '2021-03-19 18:45:48'],
    ['TIMESTAMP', '"2021-03-19T13:15:48Z"', '2021-03-19 13:15:48'],
    ['TIMESTAMP', '"2021-03-19 13:15:48.123456789"', '2021-03-19 13:15:48.123456'],
    ['TIMESTAMP', '"2021-03-19"', '2021-03-19 00:00:00'],
    ['TIMESTAMP', 'null', null],
    ['TIMESTAMP_MS', '"2021-03-19T13:15:48.5+02:00"', '2021-03-19 11:15:48.5'],
    ['TIMESTAMP WITH TIME ZONE', '"2021-03-19T13:15:48+02:00"', '2021-03-19 11:15:48+00'],
  ]
  it.each(cases)('%s from %s, on either path', async (type, json, value) => {
    const columns = fields({ a: type })
    const fast = await decoding.decode([`{"a":${json}}`], columns)
    expect(fast).toEqual({ rows: 1, rejected: [], table: [{ a: value }] })
    const precise = await decoding.decode([`{"a":${json}}`, '{"a":'.concat('}')], columns)
    expect(precise.table).toEqual([{ a: value }])
    expect(await decoding.connection.describe('SELECT * FROM _input')).toEqual([{ name: 'a', type }])
  })

  it('leaves missing keys and nulls NULL and passes over other keys', async () => {
    const { table } = await decoding.decode(['{"other":{"tno":"no"}}', '{"tnum":null}'], TRADE)
    const none = { tno: null, tnum: null, tuptime: null }
    expect(table).toEqual([none, none])
  })
})

describe('bad records', () => {
  const invalidUtf8 = Buffer.concat([Buffer.from('{"tno":"ä'), Buffer.from([0xff]), Buffer.from('"}')])
  const cases: [name: string, value: TestValue, code: string, reason: string][] = [
    ['a tombstone', null, 'RECORD_EMPTY', 'the record has no value (a tombstone)'],
    ['an empty value', '', 'RECORD_EMPTY', 'the value is empty'],
    ['white space', ' \r\n\t', 'RECORD_EMPTY', 'the value is empty'],
    ['a number', '17', 'RECORD_NOT_OBJECT', 'the value is a number, not an object'],
    ['an array', '[{"tnum":1}]', 'RECORD_NOT_OBJECT', 'the value is an array, not an object'],
    ['null', 'null', 'RECORD_NOT_OBJECT', 'the value is null, not an object'],
    ['a text', 'hello', 'RECORD_MALFORMED', expect.stringContaining('not JSON: ')],
    ['a cut value', '{"tno":"T1","tnu', 'RECORD_MALFORMED', expect.stringContaining('{"tno":"T1","tnu')],
    ['a cut value that ends in a brace', '{"tno":{"x":1}', 'RECORD_MALFORMED', expect.stringContaining('not JSON: ')],
    ['a missing comma', '{"tno":"T1" "tnum":1}', 'RECORD_MALFORMED', expect.stringContaining('at position 12')],
    ['a byte order mark', '\ufeff{"tnum":1}', 'RECORD_MALFORMED', 'not JSON: it begins with a byte order mark'],
    ['a NUL', '{"tno":"a\0b"}', 'RECORD_MALFORMED', expect.stringContaining('\\u0000')],
    ['two objects', '{"tnum":1}{"tnum":2}', 'RECORD_MALFORMED', expect.stringContaining('at position 10')],
    ['two lines', '{"tnum":1}\n{"tnum":2}', 'RECORD_MALFORMED', expect.stringContaining('at position 11')],
    ['a newline in a string', '{"tno":"a\nb"}', 'RECORD_MALFORMED', expect.stringContaining('not JSON: ')],
    ['an escape', '1},"_offset":9,{"tnum":1}', 'RECORD_MALFORMED', expect.stringContaining('not JSON: ')],
    ['a lone surrogate', '{"tno":"\\ud800"}', 'RECORD_MALFORMED', expect.stringContaining('ud800')],
    ['a declared key twice', '{"tnum":1,"tnum":2}', 'RECORD_MALFORMED', 'key "tnum" stands more than once'],
    [
      'a declared key twice, escaped',
      '{"tnum":1,"\\u0074num":2}',
      'RECORD_MALFORMED',
      'key "tnum" stands more than once',
    ],
    ['not UTF-8', invalidUtf8, 'RECORD_NOT_UTF8', 'not UTF-8: byte 0xFF at position 10'],
    ['not UTF-8 at all', Buffer.from([0xfe, 0xff, 0, 0x7b]), 'RECORD_NOT_UTF8', 'not UTF-8: byte 0xFE at position 0'],
    ['a text for a number', '{"tnum":"abc"}', 'RECORD_WRONG_TYPE', 'column tnum: "abc" is not an INTEGER'],
    ['a number too large', '{"tnum":99999999999}', 'RECORD_WRONG_TYPE', 'column tnum: 99999999999 is not an INTEGER'],
    [
      'a number for a time',
      '{"tuptime":1616152548}',
      'RECORD_WRONG_TYPE',
      'column tuptime: 1616152548 is not a TIMESTAMP',
    ],
    ['no such day', '{"tuptime":"2021-02-30"}', 'RECORD_WRONG_TYPE', 'column tuptime: "2021-02-30" is not a TIMESTAMP'],
    ['an object for a number', '{"tnum":{"x":1}}', 'RECORD_WRONG_TYPE', 'column tnum: {"x":1} is not an INTEGER'],
    ['too deep', `{"z":${'['.repeat(1000)}${']'.repeat(1000)}}`, 'RECORD_TOO_DEEP', expect.stringContaining('1000')],
    ['far too deep', `{"z":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_001)}`, 'RECORD_TOO_DEEP', expect.anything()],
    ['too large', `{"z":"${'x'.repeat(16 * 1024 * 1024)}"}`, 'RECORD_TOO_LARGE', expect.stringContaining('16777216')],
  ]
  it.each(cases)('%s', async (_, value, code, reason) => {
    const { rows, rejected, recordOfRow, table } = await decoding.decode([GOOD, value, GOOD], TRADE)
    expect(rejected).toEqual([{ record: 1, code, reason }])
    expect(rejected[0]?.reason.length).toBeLessThanOrEqual(300)
    expect([...(recordOfRow ?? [])]).toEqual([0, 2])
    expect(rows).toBe(2)
    expect(table).toEqual([GOOD_ROW, GOOD_ROW])
  })

  it('are told apart in one epoch, wherever they stand', async () => {
    const values = cases.flatMap(([, value]) => [GOOD, value])
    const blocks = [blockOf(values.slice(0, 7)), blockOf(values.slice(7), { partition: '1' })]
    const { rejected, recordOfRow, table } = await decoding.decode({ blocks }, TRADE)
    expect(rejected.map(({ record, code }) => [record, code])).toEqual(cases.map(([, , code], i) => [2 * i + 1, code]))
    expect([...(recordOfRow ?? [])]).toEqual(cases.map((_, i) => 2 * i))
    expect(table).toEqual(cases.map(() => GOOD_ROW))
  })

  it.each([
    ['few that a lenient look finds', cases.filter(([name]) => !/twice|two lines|newline/.test(name))],
    ['few that only a close look finds', cases],
  ])('are found among many good ones: %s', async (_, some) => {
    const values: TestValue[] = Array(2000).fill(GOOD)
    some.forEach(([, value], i) => {
      values[i * 40 + 7] = value
    })
    // A value may be missing and the record good all the same.
    values[1900] = '{}'
    const { rejected, recordOfRow, table } = await decoding.decode(values, TRADE)
    expect(rejected).toEqual(some.map(([, , code, reason], i) => ({ record: i * 40 + 7, code, reason })))
    expect(table).toHaveLength(2000 - some.length)
    expect(recordOfRow).toHaveLength(2000 - some.length)
    expect(table.filter((row) => row.tno === null)).toHaveLength(1)
    expect(table[recordOfRow?.indexOf(1900) ?? -1]?.tno).toBe(null)
  })

  it('may be all of an epoch', async () => {
    const { rows, rejected, recordOfRow } = await decoding.decode(['{"tnum":"x"}', null, '{]'], TRADE)
    expect(rejected.map((r) => r.code)).toEqual(['RECORD_WRONG_TYPE', 'RECORD_EMPTY', 'RECORD_MALFORMED'])
    expect({ rows, recordOfRow: [...(recordOfRow ?? [])] }).toEqual({ rows: 0, recordOfRow: [] })
  })

  it('have reasons that a terminal can show', async () => {
    const { rejected } = await decoding.decode(
      [`{"tnum":"\\u001b[31m${'x'.repeat(1000)}"}`, '\u001b]0;x\u0007{'],
      TRADE,
    )
    for (const { reason } of rejected) expect(reason).toMatch(/^[^\p{Cc}]{1,300}$/u)
  })

  it('within lists, maps and structs are found', async () => {
    const columns = fields({
      l: 'INTEGER[]',
      m: 'MAP(VARCHAR, INTEGER)',
      s: 'STRUCT(x INTEGER, y STRUCT(z DATE[])[])',
      f: 'DOUBLE[2]',
    })
    const good = '{"l":[1,null],"m":{"a/b~":1,"c":null},"s":{"y":[{"z":["2021-01-01"]},{},null]},"f":[1,2]}'
    const { table, rejected } = await decoding.decode(
      [
        good,
        '{"l":[1,"x"]}',
        '{"l":5}',
        '{"m":{"a/b~":"q"}}',
        '{"m":[]}',
        '{"s":{"x":1,"x":2}}',
        '{"s":{"y":[{"z":["2021-13-01"]}]}}',
        '{"s":[]}',
        '{"f":[1]}',
        good,
      ],
      columns,
    )
    expect(table).toHaveLength(2)
    expect(rejected.map((r) => r.record)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(rejected[0]).toEqual({
      record: 1,
      code: 'RECORD_WRONG_TYPE',
      reason: 'column l: [1,"x"] is not an INTEGER[]',
    })
  })
})

describe('pretty-printed and padded records', () => {
  it('are records like any other', async () => {
    const pretty = JSON.stringify(JSON.parse(GOOD), null, 2)
    const { table, rejected } = await decoding.decode(
      [pretty, ` ${GOOD}\r`, `\n${GOOD}\n\n`, pretty.replaceAll('\n', '\r\n'), `\t${GOOD}`],
      TRADE,
    )
    expect(rejected).toEqual([])
    expect(table).toEqual(Array(5).fill(GOOD_ROW))
  })

  it('cannot pass for other rows when the number of lines fits by chance', async () => {
    const { table, rejected } = await decoding.decode(['{"tnum":1}\n{"tnum":2}', ' \n', '{"tnum":3}'], TRADE)
    expect(table.map((row) => row.tnum)).toEqual([3])
    expect(rejected.map((r) => r.code)).toEqual(['RECORD_MALFORMED', 'RECORD_EMPTY'])
  })
})

describe('required columns', () => {
  const missing = (record: number, column: string) => ({
    record,
    code: 'RECORD_REQUIRED_MISSING',
    reason: `column ${column} is required, and the record has none or null`,
  })
  const values = ['{"tnum":1}', GOOD, '{"tno":null,"tnum":1}', '{"tno":"T2"}', null]

  it.each([
    ['fast', []],
    ['precise', ['{"tnum":"x"}']],
  ])('are looked for on the %s path', async (_, more) => {
    const options = { required: ['tnum', 'tno'] }
    const { table, rejected, recordOfRow } = await decoding.decode([...values, ...more], TRADE, options)
    expect(rejected.slice(0, 3)).toEqual([missing(0, 'tno'), missing(2, 'tno'), missing(3, 'tnum')])
    expect(rejected[3]).toMatchObject({ record: 4, code: 'RECORD_EMPTY' })
    expect([...(recordOfRow ?? [])]).toEqual([1])
    expect(table).toEqual([GOOD_ROW])
  })
})

describe('metadata columns', () => {
  const metadata = ['_partition', '_offset', '_timestamp', '_key'] as const
  const time = Date.UTC(2021, 0, 1)
  const blocks = (...values: TestValue[]) => [
    blockOf(values, { partition: "it's 7", firstOrdinal: 2 ** 40, firstTimestamp: time, keys: ['k0', null, 'k2', ''] }),
    blockOf(['{"tnum":9}'], { partition: '8', firstOrdinal: 5, firstTimestamp: time }),
  ]
  const row = (tnum: number, i: number, key: string | null) => ({
    tnum,
    _partition: "it's 7",
    _offset: String(2 ** 40 + i),
    _timestamp: i === 0 ? '2021-01-01 00:00:00' : `2021-01-01 00:00:00.00${i}`,
    _key: key,
  })
  const last = { tnum: 9, _partition: '8', _offset: '5', _timestamp: '2021-01-01 00:00:00', _key: null }
  const columns = fields({ tnum: 'INTEGER' })

  it('stand beside the rows they belong to', async () => {
    const values = ['{"tnum":0}', '{"tnum":1}', '{"tnum":2}', '{"tnum":3,"_offset":7}']
    const { table } = await decoding.decode({ blocks: blocks(...values) }, columns, { metadata })
    expect(table).toEqual([row(0, 0, 'k0'), row(1, 1, null), row(2, 2, 'k2'), row(3, 3, ''), last])
    const types = await decoding.connection.describe('SELECT * FROM _input')
    expect(types.map((column) => column.type)).toEqual(['INTEGER', 'VARCHAR', 'BIGINT', 'TIMESTAMP', 'BLOB'])
  })

  it('stay with them when others are rejected', async () => {
    const values = ['{"tnum":0}', '1},"_offset":9', '{"tnum":"x"}', '{"tnum":3}']
    const { table } = await decoding.decode({ blocks: blocks(...values) }, columns, { metadata })
    expect(table).toEqual([row(0, 0, 'k0'), row(3, 3, ''), last])
  })

  it('are NULL where a record has no timestamp and no key', async () => {
    const { table } = await decoding.decode({ blocks: [blockOf(['{"tnum":1}'], { timestamps: [-1] })] }, columns, {
      metadata,
    })
    expect(table).toEqual([{ tnum: 1, _partition: '0', _offset: '0', _timestamp: null, _key: null }])
  })

  it('headers in their order, each with its bytes; timestamp type and leader epoch', async () => {
    const headers = [
      [
        { key: 'a"', value: Uint8Array.of(0xff, 0) },
        { key: 'a"', value: null },
      ],
      [],
    ]
    const block = {
      ...blockOf(['{"tnum":1}', '{"tnum":"x"}', '{"tnum":2}']),
      headersOf: (record: number) => headers[record >> 1] ?? [],
      timestampTypes: Uint8Array.of(0, 0, 1),
      leaderEpochs: Int32Array.of(4, 4, -1),
    }
    const known = ['_headers', '_timestamp_type', '_leader_epoch'] as const
    const without = blockOf(['{"tnum":3}'], { partition: '1' })
    await decoding.decode({ blocks: [block, without] }, columns, { metadata: known })
    const rows = await decoding.connection.rows(
      `SELECT tnum, map_from_entries(list_filter(_headers, lambda h: h.value IS NOT NULL))['a"'] = '\\xFF\\x00'::BLOB AS a,
         len(_headers)::INTEGER AS count, _timestamp_type AS type, _leader_epoch AS epoch FROM _input ORDER BY tnum`,
    )
    expect(rows).toEqual([
      { tnum: 1, a: true, count: 2, type: 'CreateTime', epoch: 4 },
      { tnum: 2, a: null, count: 0, type: 'LogAppendTime', epoch: null },
      { tnum: 3, a: null, count: null, type: null, epoch: null },
    ])
  })

  it('are there in an empty epoch', async () => {
    const { table } = await decoding.decode([], columns, { metadata: ['_offset'] })
    expect(table).toEqual([])
    expect(await decoding.connection.describe('SELECT * FROM _input')).toEqual([
      { name: 'tnum', type: 'INTEGER' },
      { name: '_offset', type: 'BIGINT' },
    ])
  })
})

describe('mistakes that are not the data’s', () => {
  it('are passed on', async () => {
    await expect(decoding.decode([GOOD], fields({ a: 'NO_SUCH_TYPE' }))).rejects.toThrow(/NO_SUCH_TYPE/)
    const keyed = fields({ a: 'STRUCT(m MAP(INTEGER, DATE))[]' })
    await expect(decoding.decode([GOOD], keyed)).rejects.toMatchObject({ code: 'DECODE_COLUMN_UNREADABLE' })
  })
})
