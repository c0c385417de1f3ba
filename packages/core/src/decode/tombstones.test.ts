import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blockOf } from '../testing/blocks.ts'
import { fields, TestDecoding } from '../testing/test-decoding.ts'
import { jsonDecoder } from './json.ts'
import { tombstonesAsRows } from './tombstones.ts'

const columns = fields({ n: 'INTEGER', t: 'VARCHAR' })
const decoder = tombstonesAsRows(jsonDecoder())

let decoding: TestDecoding
beforeAll(async () => {
  decoding = await TestDecoding.open()
})
afterAll(() => decoding.close())

describe('tombstones as rows', () => {
  it('stand in their place, with key and offset, between rows and rejected records', async () => {
    const block = blockOf([null, '{"n":1,"t":"a"}', null, 'junk', '{"n":2}', '', null], {
      keys: ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6'],
    })
    const { table, rows, rejected, recordOfRow } = await decoding.decode({ blocks: [block] }, columns, {
      decoder,
      metadata: ['_offset', '_key'],
    })
    expect(table).toEqual([
      { n: null, t: null, _offset: '0', _key: 'k0' },
      { n: 1, t: 'a', _offset: '1', _key: 'k1' },
      { n: null, t: null, _offset: '2', _key: 'k2' },
      { n: 2, t: null, _offset: '4', _key: 'k4' },
      { n: null, t: null, _offset: '6', _key: 'k6' },
    ])
    expect(rows).toBe(5)
    expect([...(recordOfRow ?? [])]).toEqual([0, 1, 2, 4, 6])
    // An empty value is no tombstone.
    expect(rejected.map(({ record }) => record)).toEqual([3, 5])
    const types = await decoding.connection.describe('SELECT * FROM _input')
    expect(types.map(({ type }) => type)).toEqual(['INTEGER', 'VARCHAR', 'BIGINT', 'BLOB'])
  })

  it('an epoch of nothing else, and one without any', async () => {
    const only = await decoding.decode([null, null], columns, { decoder })
    expect(only).toMatchObject({ rows: 2, rejected: [], table: [{ n: null }, { n: null }] })
    expect(only.recordOfRow).toBeUndefined()
    expect((await decoding.decode(['{"n":1}'], columns, { decoder })).table).toEqual([{ n: 1, t: null }])
  })

  it('stay rejected where a column is required', async () => {
    const { rejected, rows } = await decoding.decode([null, '{"n":1}'], columns, { decoder, required: ['n'] })
    expect([rejected.map(({ record, code }) => [record, code]), rows]).toEqual([[[0, 'RECORD_EMPTY']], 1])
  })
})
