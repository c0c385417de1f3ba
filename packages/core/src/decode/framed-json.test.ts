import { afterAll, beforeAll, expect, it } from 'vitest'
import { SchemaRegistry } from '../registry/index.ts'
import { blockOf } from '../testing/blocks.ts'
import { TestSchemaRegistry } from '../testing/schema-registry.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { framedJson } from './framed-json.ts'
import { jsonDecoder } from './json.ts'

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

function framed(id: number, text: string): Buffer {
  const frame = Buffer.alloc(5)
  frame.writeInt32BE(id, 1)
  return Buffer.concat([frame, Buffer.from(text)])
}

const COLUMNS = fields({ n: 'INTEGER' })

it('the frame is taken off; what has none, or is no JSON behind it, is a dead letter of its own', async () => {
  const decoder = framedJson(jsonDecoder(), undefined)
  const first = [framed(1, '{"n":1}'), '{"n":2}', framed(7, '{"n":'), null, framed(2, '{"n":5}')]
  const blocks = [blockOf(first), blockOf([framed(1, '{"n":6}')], { partition: '1', firstOrdinal: 70 })]
  const { table, rejected } = await decoding.decode({ blocks }, COLUMNS, { decoder, metadata: ['_offset'] })
  expect(table).toEqual([
    { n: 1, _offset: '0' },
    { n: 5, _offset: '4' },
    { n: 6, _offset: '70' },
  ])
  expect(rejected.map(({ record, code, reason }) => [record, code, reason])).toEqual([
    [1, 'RECORD_MALFORMED', 'it does not begin with a zero byte and a schema id'],
    [2, 'RECORD_MALFORMED', expect.stringContaining('not JSON: ')],
    [3, 'RECORD_EMPTY', 'the record has no value (a tombstone)'],
  ])
})

it('with `validate` each value is held against its schema', async () => {
  const id = registry.add(
    'n-value',
    { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] },
    'JSON',
  )
  const avro = registry.add('avro', '"string"')
  const decoder = framedJson(jsonDecoder(), new SchemaRegistry({ url: registry.url }))
  const values = [
    framed(id, '{"n":1}'),
    framed(id, '{"n":0}'),
    framed(id, '{}'),
    framed(avro, '{"n":1}'),
    framed(id, '{'),
    framed(99, '{}'),
  ]
  const { table, rejected } = await decoding.decode(values, COLUMNS, { decoder })
  expect(table).toEqual([{ n: 1 }])
  expect(rejected.map(({ record, code, reason }) => [record, code, reason])).toEqual([
    [1, 'RECORD_WRONG_TYPE', expect.stringMatching(/^schema: \/n .*1/)],
    [2, 'RECORD_WRONG_TYPE', expect.stringContaining('schema: the value must have required properties n')],
    [3, 'RECORD_SCHEMA_UNUSABLE', `schema ${avro} is AVRO, not JSON Schema`],
    [4, 'RECORD_MALFORMED', expect.stringContaining('not JSON: ')],
    [5, 'RECORD_SCHEMA_UNUSABLE', expect.stringContaining('has no schema 99')],
  ])
})
