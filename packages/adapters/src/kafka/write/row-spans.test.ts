import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findSpans, textBytes } from './row-spans.ts'

test('values stand where JSON has them, whatever they hold', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', '{', ':', ',', 'ä', '\n') })
  const object = fc.dictionary(
    key.filter((name) => name !== '__proto__'),
    fc.jsonValue(),
    { maxKeys: 6, noNullPrototype: true },
  )
  fc.assert(
    fc.property(object, fc.constantFrom('', '{}\n'), fc.constantFrom('', '\n{}'), (values, before, after) => {
      const start = before.length
      const row = Buffer.from(before + JSON.stringify(values) + after)
      const end = row.length - after.length
      const spans = new Uint32Array(30)
      const names = Object.keys(JSON.parse(row.toString('utf8', start, end)) as object)
      expect(findSpans(row, start, end, spans)).toBe(names.length)
      expect(findSpans(row, start, end, new Uint32Array(6), 2)).toBe(Math.min(2, names.length))
      names.forEach((name, i) => {
        const [at, from, to] = spans.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number]
        expect(JSON.parse(row.toString('utf8', at, from - 1))).toBe(name)
        const value = (JSON.parse(row.toString('utf8', start, end)) as Record<string, unknown>)[name]
        expect(JSON.parse(row.toString('utf8', from, to))).toEqual(value)
        const text = value === null ? null : typeof value === 'string' ? value : JSON.stringify(value)
        expect(textBytes(row, from, to)?.toString() ?? null).toBe(text?.toWellFormed() ?? null)
      })
    }),
    { numRuns: 300 },
  )
})
