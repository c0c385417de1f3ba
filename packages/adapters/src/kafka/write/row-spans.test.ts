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
    fc.property(object, (values) => {
      const row = Buffer.from(JSON.stringify(values))
      const spans = new Uint32Array(30)
      const names = Object.keys(JSON.parse(row.toString()) as object)
      expect(findSpans(row, spans)).toBe(names.length)
      names.forEach((name, i) => {
        const [at, start, end] = spans.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number]
        expect(JSON.parse(row.toString('utf8', at, start - 1))).toBe(name)
        const value = (JSON.parse(row.toString()) as Record<string, unknown>)[name]
        expect(JSON.parse(row.toString('utf8', start, end))).toEqual(value)
        const text = value === null ? null : typeof value === 'string' ? value : JSON.stringify(value)
        expect(textBytes(row, start, end)?.toString() ?? null).toBe(text?.toWellFormed() ?? null)
      })
    }),
    { numRuns: 300 },
  )
})
