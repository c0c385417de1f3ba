import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CsvRecordScanner } from './csv-records.ts'

function ends(text: string, chunkSize = 1024): readonly number[] {
  const scanner = new CsvRecordScanner()
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i += chunkSize) scanner.push(bytes.subarray(i, i + chunkSize))
  return scanner.finish()
}

test('newlines and doubled quotes inside quotes end nothing', () => {
  const records = ['1,"a"\n', '2,"b\nc"\n', '3,"say ""x\n"""\n', '4,\n']
  const lengths = records.map((record) => record.length)
  expect(ends(records.join(''))).toEqual(lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b)))
})

test('a last record without a newline, and no record at all', () => {
  expect(ends('1\n22')).toEqual([2, 4])
  expect(ends('')).toEqual([])
})

test('any values, cut into chunks anywhere, come apart where they were joined', () => {
  const value = fc.string({ unit: fc.constantFrom('a', '"', '\n', ',', 'é', '\\') })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), fc.integer({ min: 1, max: 7 }), (values, chunkSize) => {
      const records = values.map((text) => `"${text.replaceAll('"', '""')}"\n`)
      let at = 0
      const expected = records.map((record) => (at += Buffer.byteLength(record)))
      expect(ends(records.join(''), chunkSize)).toEqual(expected)
    }),
  )
})
