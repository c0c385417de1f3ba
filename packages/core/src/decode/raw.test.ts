import { afterAll, beforeAll, expect, it } from 'vitest'
import { blockOf } from '../testing/blocks.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { rawDecoder } from './raw.ts'

let decoding: TestDecoding
beforeAll(async () => {
  decoding = await TestDecoding.open()
})
afterAll(() => decoding.close())

const decoder = rawDecoder()
const BAD = Buffer.from([0x61, 0xff])

it('text as it is, NULL for no value, and what is not UTF-8 is a dead letter', async () => {
  const values = ['{"a":1}\n', '', null, BAD, 'ä,"\u0000']
  const found = await decoding.decode(values, fields({ line: 'VARCHAR' }), { decoder })
  expect(found.table).toEqual([{ line: '{"a":1}\n' }, { line: '' }, { line: null }, { line: 'ä,"\u0000' }])
  expect(found.rejected).toEqual([{ record: 3, code: 'RECORD_NOT_UTF8', reason: 'not UTF-8: byte 0xFF at position 1' }])
  expect([...(found.recordOfRow ?? [])]).toEqual([0, 1, 2, 4])
})

it('bytes as they are, over several chunks and blocks', async () => {
  const values = Array.from({ length: 3000 }, (_, i) => (i === 7 ? BAD : `v${i}`))
  const blocks = [blockOf(values), blockOf([null, 'last'], { partition: '1' })]
  const found = await decoding.decode({ blocks }, fields({ b: 'BLOB' }), {
    decoder,
    metadata: ['_partition', '_offset'],
  })
  expect(found).toMatchObject({ rows: 3002, rejected: [] })
  expect(found.table[7]).toEqual({ b: 'a\\xFF', _partition: '0', _offset: '7' })
  expect(found.table[2999]).toEqual({ b: 'v2999', _partition: '0', _offset: '2999' })
  expect(found.table.slice(3000).map(({ b }) => b)).toEqual([null, 'last'])
})

it('what is required must be there', async () => {
  const found = await decoding.decode(['a', null], fields({ b: 'BLOB' }), { decoder, required: ['b'] })
  expect(found.table).toEqual([{ b: 'a' }])
  expect(found.rejected).toMatchObject([{ record: 1, code: 'RECORD_REQUIRED_MISSING' }])
})
