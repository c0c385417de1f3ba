import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Database } from '../duckdb/index.ts'
import { parseColumnType } from './column-type.ts'

const spellings = [
  ['varchar', 'VARCHAR'],
  ['string', 'VARCHAR'],
  ['VARCHAR(20)', 'VARCHAR'],
  ['int', 'INTEGER'],
  ['Long', 'BIGINT'],
  ['bool', 'BOOLEAN'],
  ['double precision', 'DOUBLE'],
  ['decimal', 'DECIMAL(18,3)'],
  ['numeric( 10 , 2 )', 'DECIMAL(10,2)'],
  ['decimal(5)', 'DECIMAL(5,0)'],
  ['timestamp', 'TIMESTAMP'],
  ['timestamptz', 'TIMESTAMP WITH TIME ZONE'],
  ['timestamp with  time zone', 'TIMESTAMP WITH TIME ZONE'],
  ['bigint[]', 'BIGINT[]'],
  ['int[3][]', 'INTEGER[3][]'],
  ['struct(a int, "b c" struct(d text)[])', 'STRUCT(a INTEGER, "b c" STRUCT(d VARCHAR)[])'],
  ['map(varchar, int)', 'MAP(VARCHAR, INTEGER)'],
] as const

test.each(spellings)('%j is %s', (text, type) => {
  expect(parseColumnType(text)).toBe(type)
})

test('every spelling is printed the same by DuckDB', async () => {
  const database = await Database.open()
  const connection = await database.connect()
  try {
    for (const [, type] of spellings) {
      const row = await connection.row(`SELECT typeof(NULL::${type}) AS t`)
      expect(row?.t).toBe(type)
    }
  } finally {
    database.close()
  }
})

test.each([
  ['intger', 'Did you mean `integer`?'],
  ['', 'Types:'],
  ['decimal(50,2)', 'decimal(p,s)'],
  ['decimal(5,6)', 'decimal(p,s)'],
  ['struct()', 'Types:'],
  ['struct(a)', 'Types:'],
  ['int[', 'Types:'],
  ['int; drop table x', 'Types:'],
  ['int)', 'Types:'],
  ['interval', 'Types:'],
])('%j is refused', (text, hint) => {
  expect(() => parseColumnType(text)).toThrow(
    expect.objectContaining({ code: 'CONFIG_COLUMN_TYPE', hint: expect.stringContaining(hint) }),
  )
})

test('arbitrary text is read or refused, never more', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(int|struct|map|decimal|[(),[\] a-c"]){0,30}$/)), (text) => {
      try {
        return parseColumnType(parseColumnType(text)) === parseColumnType(text)
      } catch (error) {
        return (error as { code?: string }).code === 'CONFIG_COLUMN_TYPE'
      }
    }),
  )
})
