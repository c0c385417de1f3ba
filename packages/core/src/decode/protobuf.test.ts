import protobuf from 'protobufjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SchemaRegistry } from '../registry/index.ts'
import type { TestValue } from '../testing/blocks.ts'
import { TestSchemaRegistry } from '../testing/schema-registry.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { protobufDecoder } from './protobuf.ts'

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

const PROTO = `
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "confluent/type/decimal.proto";
message First { int32 unused = 1; }
message Trade {
  enum Side { BUY = 0; SELL = 1; }
  message Item { string name = 1; int64 count = 2; optional int32 rank = 3; Item part = 4; }
  string trade_no = 1;
  int32 i = 2;
  int64 l = 3;
  uint64 u = 4;
  double d = 5;
  bool b = 6;
  bytes raw = 7;
  Side side = 8;
  optional int32 maybe = 9;
  google.protobuf.Timestamp at = 10;
  google.protobuf.StringValue note = 11;
  confluent.type.Decimal price = 12;
  repeated Item items = 13;
  map<string, int32> counts = 14;
  Item item = 15;
  oneof choice { string left = 16; int32 right = 17; }
}
`

/** The bytes of a message by the library's writer, which the decoder has no part in. */
function encoded(name: string, value: object): Uint8Array {
  const { root } = protobuf.parse(PROTO, { keepCase: true })
  for (const path of ['google/protobuf/timestamp.proto', 'google/protobuf/wrappers.proto']) {
    root.addJSON(protobuf.common.get(path)?.nested ?? {})
  }
  protobuf.parse(
    'package confluent.type; message Decimal { optional bytes value = 1; optional uint32 precision = 2; optional int32 scale = 3; }',
    root,
  )
  root.resolveAll()
  return root.lookupType(name).encode(value).finish()
}

/** Behind the frame, and the place of the message as the serializers write it. */
function framed(id: number, place: readonly number[], body: Uint8Array): Buffer {
  const frame = Buffer.alloc(5)
  frame.writeInt32BE(id, 1)
  return Buffer.concat([frame, Buffer.from(place), body])
}

// The second message of the file: one number, 1, both as zigzag varints.
const TRADE = [2, 2]

function decode(values: readonly TestValue[], types: Record<string, string>) {
  const open = () => new SchemaRegistry({ url: registry.url })
  const decoder = protobufDecoder({ format: 'protobuf', columns: [], required: [] }, open)
  return decoding.decode(values, fields(types), { decoder })
}

describe('values', () => {
  const cases: [value: object, field: string, column: string, expected: unknown][] = [
    [{ trade_no: 'ä' }, 'trade_no', 'VARCHAR', 'ä'],
    [{}, 'trade_no', 'VARCHAR', ''],
    [{ i: -5 }, 'i', 'INTEGER', -5],
    [{}, 'i', 'INTEGER', 0],
    [{ l: -7 }, 'l', 'BIGINT', '-7'],
    [{ l: { low: -1, high: 0x7fffffff, unsigned: false } }, 'l', 'BIGINT', '9223372036854775807'],
    [{ u: { low: -1, high: -1, unsigned: true } }, 'u', 'UBIGINT', '18446744073709551615'],
    [{ d: 0.5 }, 'd', 'DOUBLE', 0.5],
    [{ b: true }, 'b', 'BOOLEAN', true],
    [{ raw: Buffer.from([0, 97]) }, 'raw', 'BLOB', '\\x00a'],
    [{ side: 1 }, 'side', 'VARCHAR', 'SELL'],
    [{ side: 7 }, 'side', 'VARCHAR', '7'],
    [{}, 'side', 'VARCHAR', 'BUY'],
    [{ maybe: 0 }, 'maybe', 'INTEGER', 0],
    [{}, 'maybe', 'INTEGER', null],
    [{ at: { seconds: 1616159748, nanos: 123456789 } }, 'at', 'TIMESTAMP', '2021-03-19 13:15:48.123456'],
    [{}, 'at', 'TIMESTAMP', null],
    [{ note: { value: 'x' } }, 'note', 'VARCHAR', 'x'],
    [{}, 'note', 'VARCHAR', null],
    [{ price: { value: Buffer.from([0xfb, 0x2e]), scale: 2 } }, 'price', 'DECIMAL(9,2)', '-12.34'],
    [
      { items: [{ name: 'a', count: 2, rank: 0 }, { part: { name: 'p' } }] },
      'items',
      'STRUCT(name VARCHAR, count BIGINT, rank INTEGER, part STRUCT(name VARCHAR))[]',
      [
        { name: 'a', count: '2', rank: 0, part: null },
        { name: '', count: '0', rank: null, part: { name: 'p' } },
      ],
    ],
    [{}, 'items', 'JSON', '[]'],
    [{ counts: { a: 1 } }, 'counts', 'MAP(VARCHAR, INTEGER)', [{ key: 'a', value: 1 }]],
    [{}, 'item', 'JSON', null],
    [{ left: 'l' }, 'left', 'VARCHAR', 'l'],
    [{ right: 4 }, 'left', 'VARCHAR', null],
    [{}, 'no_such_field', 'VARCHAR', null],
  ]
  it.each(cases)('%j: %s as %s', async (value, field, column, expected) => {
    const id = registry.add('t-value', PROTO, 'PROTOBUF')
    const found = await decode([framed(id, TRADE, encoded('shop.Trade', value))], { [field]: column })
    expect(found).toEqual({ rows: 1, rejected: [], table: [{ [field]: expected }] })
  })
})

describe('messages', () => {
  it('of one file meet in an epoch, each told by its place, and files may import others', async () => {
    registry.add('item', 'syntax = "proto3"; package p; message Item { int32 n = 1; }', 'PROTOBUF')
    const text =
      'syntax = "proto3"; package p; import "item.proto"; message A { message In { int32 n = 2; } Item item = 1; } message B { int32 n = 3; }'
    const references = [{ name: 'item.proto', subject: 'item', version: 1 }]
    const id = registry.add('a', text, 'PROTOBUF', references)
    const values = [
      framed(id, [0], Buffer.from([10, 2, 8, 5])),
      framed(id, [2, 2], Buffer.from([24, 6])),
      framed(id, [4, 0, 0], Buffer.from([16, 7])),
    ]
    const { table, rejected } = await decode(values, { n: 'INTEGER', item: 'JSON' })
    expect(rejected).toEqual([])
    expect(table).toEqual([
      { n: null, item: '{"n":5}' },
      { n: 6, item: null },
      { n: 7, item: null },
    ])
  })

  it('that cannot be read are told apart, each with its reason', async () => {
    const id = registry.add('t-value', PROTO, 'PROTOBUF')
    const avro = registry.add('avro', '"string"')
    const lost = registry.add(
      'lost',
      'syntax = "proto3"; import "nowhere.proto"; message A { Nowhere n = 1; }',
      'PROTOBUF',
    )
    const good = framed(id, TRADE, encoded('shop.Trade', { i: 1 }))
    const bad = [
      null,
      framed(id, [], Buffer.alloc(0)),
      framed(id, [2, 40], Buffer.alloc(0)),
      framed(id, TRADE, Buffer.from([10, 200, 97])),
      framed(999, [0], Buffer.alloc(0)),
      framed(avro, [0], Buffer.alloc(0)),
      framed(lost, [0], Buffer.alloc(0)),
    ]
    const { table, rejected } = await decode([good, ...bad, good], { i: 'INTEGER' })
    expect(table).toEqual([{ i: 1 }, { i: 1 }])
    expect(rejected.map(({ record, code, reason }) => [record, code, reason])).toEqual([
      [1, 'RECORD_EMPTY', 'the record has no value (a tombstone)'],
      [2, 'RECORD_MALFORMED', 'not Protobuf: it does not say which message it is'],
      [3, 'RECORD_SCHEMA_UNUSABLE', `schema ${id} cannot be used: its file has no message [20]`],
      [4, 'RECORD_MALFORMED', expect.stringContaining('not Protobuf: ')],
      [5, 'RECORD_SCHEMA_UNUSABLE', expect.stringContaining('has no schema 999')],
      [6, 'RECORD_SCHEMA_UNUSABLE', `schema ${avro} is AVRO, not Protobuf`],
      [7, 'RECORD_SCHEMA_UNUSABLE', expect.stringContaining('nowhere.proto')],
    ])
  })

  it('are bare where the pipeline file has the schema', async () => {
    const config = { format: 'protobuf', columns: [], required: [], schema: PROTO } as const
    const none = () => expect.fail('no registry is needed')
    const decoder = protobufDecoder({ ...config, message: 'shop.Trade' }, none)
    const { table } = await decoding.decode([encoded('shop.Trade', { i: 3 }), '', null], fields({ i: 'INTEGER' }), {
      decoder,
    })
    expect(table).toEqual([{ i: 3 }, { i: 0 }])
    expect(() => protobufDecoder(config, none)).toThrow('it has several messages: name one in `message`')
    expect(() => protobufDecoder({ ...config, message: 'Nope' }, none)).toThrow('it has no message Nope')
    expect(() => protobufDecoder({ ...config, schema: 'message {' }, none)).toThrow(
      expect.objectContaining({ code: 'DECODE_SCHEMA_INVALID' }),
    )
  })
})
