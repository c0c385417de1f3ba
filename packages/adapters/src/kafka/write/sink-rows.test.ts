import type { Field } from '@headrace/core'
import Value from 'typebox/value'
import { expect, test } from 'vitest'
import { checkSink, type KafkaSinkConfig, sinkSchema } from '../sink-config.ts'
import { SinkRows } from './sink-rows.ts'

const COLUMNS: Field[] = [
  { name: 'id', type: 'INTEGER' },
  { name: 'name', type: 'VARCHAR' },
  { name: 'at', type: 'TIMESTAMP' },
  { name: 'gone', type: 'BOOLEAN' },
  { name: 'bytes', type: 'BLOB' },
]
const ROW = '{"id":7,"name":"a\\"b","at":"2026-11-20 01:02:03.123456","gone":false,"bytes":"\\\\x00a"}'

const config = (settings: object) => Value.Default(sinkSchema, { topic: 't', ...settings }) as KafkaSinkConfig

function read(settings: object, row = ROW) {
  const rows = new SinkRows(config(settings), COLUMNS)
  const before = '{"n":1}\n'
  const block = Buffer.from(`${before}${row}\n{"n":2}\n`)
  const end = before.length + Buffer.byteLength(row)
  rows.locate(block, before.length, end)
  rows.read(block, before.length, end)
  const { topic, partition, timestamp, headers } = rows
  const key = rows.keySource?.toString('utf8', rows.keyStart, rows.keyEnd) ?? null
  const value = rows.valueSource?.toString('utf8', rows.valueStart, rows.valueEnd) ?? null
  return { topic, key, partition, value, timestamp, headers }
}

test('the row is the value, whole or in part', () => {
  expect(read({})).toMatchObject({ value: ROW, key: null, partition: undefined, timestamp: undefined, headers: [] })
  expect(read({ exclude: ['at', 'gone', 'id'] }).value).toBe('{"name":"a\\"b","bytes":"\\\\x00a"}')
  expect(read({ value: { raw: 'name' } }).value).toBe('a"b')
  expect(read({ value: { raw: 'bytes' } }).value).toBe('\0a')
  expect(read({ tombstone: 'gone' }).value).toBe(ROW)
  expect(read({ tombstone: 'gone' }, ROW.replace('false', 'true')).value).toBe(null)
})

test('columns become the rest of the record', () => {
  const settings = { topicColumn: 'name', key: 'id', partition: 'id', timestamp: 'at', headers: ['name', 'bytes'] }
  expect(read(settings)).toMatchObject({
    topic: 'a"b',
    key: '7',
    partition: 7,
    timestamp: Date.UTC(2026, 10, 20, 1, 2, 3, 123),
    headers: [{ key: 'name', value: Buffer.from('a"b') }, { key: 'bytes' }],
  })
  const nulls = '{"id":null,"name":null,"at":null,"gone":null,"bytes":null}'
  expect(read({ ...settings, tombstone: 'gone' }, nulls)).toEqual({
    topic: undefined,
    key: null,
    partition: undefined,
    value: nulls,
    timestamp: undefined,
    headers: [],
  })
})

test('settings that name no column, or one of another type, are told', () => {
  const settings = { key: 'nope', headers: ['id', 'no'], partition: 'name', timestamp: 'id', tombstone: 'id' }
  const issues = checkSink(config(settings), COLUMNS)
  expect(issues.map(({ path, message }) => [path.join('.'), message])).toEqual([
    ['key', 'the rows have no column "nope"'],
    ['headers.1', 'the rows have no column "no"'],
    ['partition', 'the column "name" has the type VARCHAR, not that of a whole number'],
    ['timestamp', 'the column "id" has the type INTEGER, not that of a timestamp'],
    ['tombstone', 'the column "id" has the type INTEGER, not that of a boolean'],
  ])
})
