import { expect, test } from 'vitest'
import { checkSink, type PostgresSinkConfig } from './config.ts'

const base: PostgresSinkConfig = { connection: 'warehouse', table: 'trades', createTable: true }
const columns = [
  { name: 'tno', type: 'VARCHAR' },
  { name: 'items', type: 'BIGINT' },
]

test('a key of the rows and insert-only columns of the table are right', () => {
  expect(checkSink({ ...base, key: ['tno'], insertOnly: ['created_at'] }, columns)).toEqual([])
})

test('every mistake is found, at its place', () => {
  const issues = checkSink({ ...base, table: 'a b', key: ['tno', 'day'], insertOnly: ['items', 'tno'] }, columns)
  expect(issues.map(({ path, message }) => [path.join('.'), message])).toEqual([
    ['table', '"a b" is not the name of a table'],
    ['insertOnly.1', '"tno" is part of the key'],
    ['key.1', 'the rows have no column "day"'],
  ])
  expect(issues.at(-1)?.hint).toBe('Their columns are tno, items.')
})

test('the schema of the ledger is not for rows', () => {
  expect(checkSink({ ...base, table: 'headrace.batches' })).toMatchObject([{ path: ['table'] }])
})

test('insertOnly without a key means nothing', () => {
  expect(checkSink({ ...base, insertOnly: ['items'] })).toMatchObject([{ path: ['insertOnly'] }])
})

test('columns are left alone before they are known', () => {
  expect(checkSink({ ...base, key: ['anything'] })).toEqual([])
})
