import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTableName, quoteTable } from './names.ts'

test.each([
  ['trades', undefined, 'trades'],
  ['sales.trades', 'sales', 'trades'],
  ['Umsätze', undefined, 'Umsätze'],
  ['"a.b"."c ""d"""', 'a.b', 'c "d"'],
])('%s', (text, schema, name) => {
  expect(parseTableName(text)).toEqual({ schema, name })
})

test.each(['', 'a.b.c', 'a b', '1a', '"a', 'a; DROP TABLE b', 'a.', `t${'x'.repeat(63)}`, 'ä'.repeat(32)])(
  '%s is no table',
  (text) => {
    expect(parseTableName(text)).toBeUndefined()
  },
)

test('a quoted name reads back as itself', () => {
  const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => {
    return !text.includes('\0') && Buffer.byteLength(text) <= 63
  })
  fc.assert(
    fc.property(part, part, (schema, name) => {
      expect(parseTableName(quoteTable({ schema, name }))).toEqual({ schema, name })
    }),
  )
})
