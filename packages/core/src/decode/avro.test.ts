import avsc from 'avsc'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SchemaRegistry } from '../registry/index.ts'
import type { TestValue } from '../testing/blocks.ts'
import { TestSchemaRegistry } from '../testing/schema-registry.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { avroDecoder } from './avro.ts'

let decoding: TestDecoding
let registry: TestSchemaRegistry
beforeAll(async () => {
  decoding = await TestDecoding.open()
  registry = await TestSchemaRegistry.start()
})
afterAll(async () => {
  await decoding.close()
  await registry.close()
})

type Schema = Parameters<typeof avsc.Type.forSchema>[0]

function framed(id: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(5)
  frame.writeInt32BE(id, 1)
  return Buffer.concat([frame, body])
}

/** As Avro writes whole numbers. */
function zigzag(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

/** Registers the schema and writes the values as a serializer would. */
function written(schema: object, values: readonly unknown[]): Buffer[] {
  const type = avsc.Type.forSchema(schema as Schema, { wrapUnions: 'always' })
  const id = registry.add('t-value', schema)
  return values.map((value) => framed(id, type.toBuffer(value)))
}

const record = (types: Record<string, unknown>, name = 'trade') => ({
  type: 'record',
  name,
  fields: Object.entries(types).map(([field, type]) => ({ name: field, type })),
})

function decode(values: readonly TestValue[], types: Record<string, string>, required: readonly string[] = []) {
  const open = () => new SchemaRegistry({ url: registry.url })
  const decoder = avroDecoder({ format: 'avro', columns: [], required: [] }, open)
  return decoding.decode(values, fields(types), { decoder, required })
}

describe('values', () => {
  const bytes = (...values: number[]) => Buffer.from(values)
  const cases: [type: unknown, value: unknown, column: string, expected: unknown][] = [
    ['int', -7, 'INTEGER', -7],
    ['int', 7, 'BIGINT', '7'],
    ['int', 7, 'DOUBLE', 7],
    ['int', 7, 'VARCHAR', '7'],
    ['int', 7, 'DECIMAL(10,2)', '7.00'],
    ['long', 2 ** 40, 'BIGINT', String(2 ** 40)],
    ['long', 12, 'HUGEINT', '12'],
    ['float', 0.5, 'DOUBLE', 0.5],
    ['double', 1e300, 'DOUBLE', 1e300],
    ['double', 2.5, 'INTEGER', 2],
    ['boolean', true, 'BOOLEAN', true],
    ['boolean', false, 'VARCHAR', 'false'],
    ['string', 'ä😀', 'VARCHAR', 'ä😀'],
    ['string', '12', 'INTEGER', 12],
    ['string', '2021-03-19T13:15:48+02:00', 'TIMESTAMP', '2021-03-19 11:15:48'],
    ['bytes', bytes(0, 255, 97), 'BLOB', '\\x00\\xFFa'],
    ['bytes', Buffer.from('ä'), 'VARCHAR', 'ä'],
    [{ type: 'fixed', name: 'f', size: 2 }, bytes(1, 2), 'BLOB', '\\x01\\x02'],
    [{ type: 'enum', name: 'e', symbols: ['A', 'B'] }, 'B', 'VARCHAR', 'B'],
    [['null', 'string'], null, 'VARCHAR', null],
    [['null', 'string'], { string: 'x' }, 'VARCHAR', 'x'],
    [['null', 'int', 'string'], { string: '5' }, 'INTEGER', 5],
    [['int', 'string'], { int: 5 }, 'VARCHAR', '5'],
    [{ type: 'int', logicalType: 'date' }, 18705, 'DATE', '2021-03-19'],
    [{ type: 'int', logicalType: 'date' }, 18705, 'VARCHAR', '2021-03-19'],
    [{ type: 'int', logicalType: 'date' }, 18705, 'TIMESTAMP', '2021-03-19 00:00:00'],
    [{ type: 'long', logicalType: 'timestamp-millis' }, 1616159748123, 'TIMESTAMP', '2021-03-19 13:15:48.123'],
    [{ type: 'long', logicalType: 'timestamp-micros' }, 1616159748123456, 'TIMESTAMP', '2021-03-19 13:15:48.123456'],
    [{ type: 'long', logicalType: 'timestamp-micros' }, -1, 'VARCHAR', '1969-12-31T23:59:59.999999Z'],
    [{ type: 'long', logicalType: 'timestamp-millis' }, 253402300799999, 'TIMESTAMP', '9999-12-31 23:59:59.999'],
    [{ type: 'long', logicalType: 'local-timestamp-millis' }, 0, 'TIMESTAMP_MS', '1970-01-01 00:00:00'],
    [
      { type: 'long', logicalType: 'timestamp-millis' },
      1616159748123,
      'TIMESTAMP WITH TIME ZONE',
      '2021-03-19 13:15:48.123+00',
    ],
    [{ type: 'long', logicalType: 'time-micros' }, 3_723_000_004, 'TIME', '01:02:03.000004'],
    [{ type: 'int', logicalType: 'time-millis' }, 3_723_004, 'TIME', '01:02:03.004'],
    [{ type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, bytes(0xfb, 0x2e), 'DECIMAL(9,2)', '-12.34'],
    [{ type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, bytes(5), 'VARCHAR', '0.05'],
    [{ type: 'fixed', name: 'd', size: 4, logicalType: 'decimal', precision: 9 }, bytes(0, 0, 1, 0), 'INTEGER', 256],
    [
      { type: 'string', logicalType: 'uuid' },
      '6f9619ff-8b86-d011-b42d-00c04fc964ff',
      'UUID',
      '6f9619ff-8b86-d011-b42d-00c04fc964ff',
    ],
    [{ type: 'array', items: ['null', 'long'] }, [{ long: 1 }, null], 'BIGINT[]', ['1', null]],
    [{ type: 'map', values: 'int' }, { a: 1 }, 'MAP(VARCHAR, INTEGER)', [{ key: 'a', value: 1 }]],
    [
      record({ x: 'int', t: { type: 'long', logicalType: 'timestamp-millis' }, b: 'bytes' }, 'inner'),
      { x: 1, t: 0, b: bytes(0, 0x5c) },
      'STRUCT(x INTEGER, t TIMESTAMP, b BLOB, y VARCHAR)',
      { x: 1, t: '1970-01-01 00:00:00', b: '\\x00\\', y: null },
    ],
    [record({ x: 'int' }, 'inner2'), { x: 1 }, 'JSON', '{"x":1}'],
    [record({ x: 'int' }, 'inner3'), { x: 1 }, 'VARCHAR', '{"x":1}'],
  ]
  it.each(cases)('%j %j as %s', async (type, value, column, expected) => {
    const found = await decode(written(record({ a: type }), [{ a: value }]), { a: column })
    expect(found).toEqual({ rows: 1, rejected: [], table: [{ a: expected }] })
    expect(await decoding.connection.describe('SELECT * FROM _input')).toMatchObject([{ name: 'a' }])
  })

  it('of 64 bits are exact, and sentinels at the ends of time hold', async () => {
    const type = record({ a: 'long', t: { type: 'long', logicalType: 'timestamp-micros' } })
    const max = zigzag(2n ** 63n - 1n)
    const end = zigzag(253402300799999999n)
    const id = registry.add('t-value', type)
    const { table, rejected } = await decode([framed(id, Buffer.concat([max, end]))], { a: 'BIGINT', t: 'TIMESTAMP' })
    expect(rejected).toEqual([])
    expect(table[0]?.a).toBe('9223372036854775807')
    expect(table[0]?.t).toBe('9999-12-31 23:59:59.999999')
  })
})

describe('schemas that change', () => {
  it('meet in one epoch: missing fields are NULL, types are promoted, other fields are left alone', async () => {
    const old = written(record({ n: 'int', gone: 'string' }), [{ n: 1, gone: 'x' }])
    const now = written(record({ added: { type: 'array', items: 'int' }, n: 'long', s: ['null', 'string'] }), [
      { added: [1], n: 2 ** 40, s: { string: 'y' } },
      { added: [], n: 3, s: null },
    ])
    const text = written(record({ n: 'string' }), [{ n: '4' }])
    const values = [old[0] as Buffer, now[0] as Buffer, text[0] as Buffer, now[1] as Buffer, old[0] as Buffer]
    const { table, rejected } = await decode(values, { n: 'BIGINT', s: 'VARCHAR' })
    expect(rejected).toEqual([])
    expect(table).toEqual([
      { n: '1', s: null },
      { n: String(2 ** 40), s: 'y' },
      { n: '4', s: null },
      { n: '3', s: null },
      { n: '1', s: null },
    ])
  })

  it('may refer to others', async () => {
    registry.add('inner', record({ x: 'int' }, 'com.example.Inner'))
    const references = [{ name: 'com.example.Inner', subject: 'inner', version: 1 }]
    const id = registry.add('outer', record({ a: 'com.example.Inner' }), 'AVRO', references)
    const { table } = await decode([framed(id, Buffer.from([14]))], { a: 'STRUCT(x INTEGER)' })
    expect(table).toEqual([{ a: { x: 7 } }])
  })

  it('may hold themselves', async () => {
    const node = record({ v: 'int', next: ['null', 'node'] }, 'node')
    const values = written(record({ a: node }), [{ a: { v: 1, next: { node: { v: 2, next: null } } } }])
    const { table } = await decode(values, { a: 'JSON' })
    expect(table).toEqual([{ a: '{"v":1,"next":{"v":2,"next":null}}' }])
  })
})

describe('bad records', () => {
  const schema = record({ s: 'string', n: ['null', 'int'] })
  const good = () => written(schema, [{ s: 'a', n: { int: 1 } }])[0] as Buffer
  const types = { s: 'VARCHAR', n: 'TINYINT' }

  it('are told apart, each with its reason', async () => {
    const large = written(schema, [{ s: 'a', n: { int: 1000 } }])[0] as Buffer
    const id = registry.add('t-value', schema)
    const foreign = registry.add('p-value', 'syntax = "proto3";', 'PROTOBUF')
    const noRecord = registry.add('s-value', '"string"')
    const broken = registry.add('b-value', '{"type":"record","name":"r","fields":[{"name":"a","type":"nope"}]}')
    const values: TestValue[] = [
      null,
      '',
      '{"s":"a"}',
      framed(id, Buffer.from([200, 1, 97])),
      framed(id, Buffer.concat([good().subarray(5), Buffer.from([0])])),
      framed(999, good().subarray(5)),
      framed(foreign, Buffer.from([0])),
      framed(noRecord, Buffer.from([0])),
      framed(broken, Buffer.from([0])),
      large,
    ]
    const { table, rejected, recordOfRow } = await decode([good(), ...values, good()], types)
    expect(table).toEqual([
      { s: 'a', n: 1 },
      { s: 'a', n: 1 },
    ])
    expect([...(recordOfRow ?? [])]).toEqual([0, 11])
    expect(rejected.map(({ record: at, code, reason }) => [at, code, reason])).toEqual([
      [1, 'RECORD_EMPTY', 'the record has no value (a tombstone)'],
      [2, 'RECORD_EMPTY', 'the value is empty'],
      [3, 'RECORD_MALFORMED', 'it does not begin with a zero byte and a schema id'],
      [4, 'RECORD_MALFORMED', expect.stringContaining('not Avro: ')],
      [5, 'RECORD_MALFORMED', expect.stringContaining('not Avro: ')],
      [6, 'RECORD_SCHEMA_UNUSABLE', expect.stringContaining('has no schema 999')],
      [7, 'RECORD_SCHEMA_UNUSABLE', `schema ${foreign} is PROTOBUF, not Avro`],
      [8, 'RECORD_SCHEMA_UNUSABLE', `schema ${noRecord} is of type string, not a record`],
      [9, 'RECORD_SCHEMA_UNUSABLE', expect.stringContaining('nope')],
      [10, 'RECORD_WRONG_TYPE', 'column n: 1000 is not a TINYINT'],
    ])
  })

  it('lack what is required', async () => {
    const none = written(schema, [{ s: 'a', n: null }])[0] as Buffer
    const { rejected, table } = await decode([none, good()], types, ['n'])
    expect(rejected).toMatchObject([{ record: 0, code: 'RECORD_REQUIRED_MISSING' }])
    expect(table).toHaveLength(1)
  })

  it('are none when the registry is down: decoding fails, to be tried again', async () => {
    const value = good()
    registry.failing = 500
    await expect(decode([value], types)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', retry: 'backoff' })
    registry.failing = undefined
    expect(await decode([value], types)).toMatchObject({ rows: 1 })
  })
})

it('values are bare where the pipeline file has the schema', async () => {
  const schema = record({ a: 'int' })
  const config = { format: 'avro', columns: [], required: [], schema } as const
  const decoder = avroDecoder(config, () => expect.fail('no registry is needed'))
  const values = [1, 2].map((a) => avsc.Type.forSchema(schema as Schema).toBuffer({ a }))
  const { table } = await decoding.decode([...values, null], fields({ a: 'INTEGER' }), { decoder })
  expect(table).toEqual([{ a: 1 }, { a: 2 }])
  expect(() => avroDecoder({ ...config, schema: '{"type":"strin"}' }, () => expect.fail())).toThrow(
    expect.objectContaining({ code: 'DECODE_SCHEMA_INVALID' }),
  )
})
