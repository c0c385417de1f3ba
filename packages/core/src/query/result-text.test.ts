import { describe, expect, test } from 'vitest'
import type { Json } from '../model/index.ts'
import type { QueryResult } from './lake.ts'
import { resultText, type TextFormat } from './result-text.ts'

const COLUMNS = [
  { name: 'uno', type: 'VARCHAR' },
  { name: 'orders', type: 'HUGEINT' },
  { name: 'price', type: 'DECIMAL(18,2)' },
  { name: 'tags', type: 'VARCHAR[]' },
]

async function textOf(format: TextFormat, ...chunks: Json[][][]): Promise<string> {
  const result: QueryResult = {
    columns: COLUMNS,
    rowCount: chunks.flat().length,
    truncated: false,
    async *chunks() {
      yield* chunks
    },
    close() {},
  }
  let text = ''
  for await (const piece of resultText(result, format)) text += piece
  return text
}

const ROWS: Json[][] = [
  ['U1', '12', '1.50', ['a', 'b']],
  ['say "hi",\nthen go', '170141183460469231731687303715884105727', null, []],
  ['', '-3', '0.00', null],
]

describe('resultText', () => {
  test('csv', async () => {
    expect(await textOf('csv', ROWS)).toBe(
      [
        'uno,orders,price,tags',
        'U1,12,1.50,"[""a"",""b""]"',
        '"say ""hi"",\nthen go",170141183460469231731687303715884105727,,[]',
        '"",-3,0.00,',
        '',
      ].join('\n'),
    )
  })

  test('json and ndjson hold the same rows, exactly, however they are cut', async () => {
    const expected = [
      { uno: 'U1', orders: 12, price: '1.50', tags: ['a', 'b'] },
      { uno: 'say "hi",\nthen go', orders: '170141183460469231731687303715884105727', price: null, tags: [] },
      { uno: '', orders: -3, price: '0.00', tags: null },
    ]
    expect(JSON.parse(await textOf('json', ROWS))).toEqual(expected)
    expect(JSON.parse(await textOf('json', ROWS.slice(0, 1), [], ROWS.slice(1)))).toEqual(expected)
    const lines = (await textOf('ndjson', ROWS.slice(0, 2), ROWS.slice(2))).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(expected)
  })

  test('without rows', async () => {
    expect(await textOf('json')).toBe('[]\n')
    expect(await textOf('ndjson')).toBe('')
    expect(await textOf('csv')).toBe('uno,orders,price,tags\n')
  })
})
