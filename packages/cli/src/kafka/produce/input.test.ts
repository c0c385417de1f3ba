import { describe, expect, test } from 'vitest'
import { type InputOptions, openInput, type RecordTarget } from './input.ts'

const OPTIONS: InputOptions = { format: 'lines', name: 'stdin', keySeparator: ':', delimiter: ',' }

/** What is read from a text however it is cut into pieces: as `key=value`, null as ∅. */
function read(text: string | Buffer, options: Partial<InputOptions> = {}): string[] {
  const bytes = Buffer.from(text)
  const results = [1, 3, 7, Math.max(1, bytes.length)].map((size) => readIn(bytes, size, { ...OPTIONS, ...options }))
  for (const result of results) expect(result).toEqual(results[0])
  return results[0] ?? []
}

function readIn(bytes: Buffer, size: number, options: InputOptions): string[] {
  const input = openInput(options)
  const records: string[] = []
  const target: RecordTarget = {
    record: (key, value) => records.push(`${key ?? '∅'}=${value ?? '∅'}`),
    part: (bytes, start, end) => records.push(`∅=${bytes.subarray(start, end)}`),
  }
  for (let at = 0; at < bytes.length; at += size) input.push(bytes.subarray(at, at + size), target)
  input.end(target)
  return records
}

describe('lines', () => {
  test('each is a value, the last one without its newline too, an empty one in between as well', () => {
    expect(read('a\nbé\r\n\nc')).toEqual(['∅=a', '∅=bé', '∅=', '∅=c'])
    expect(read('')).toEqual([])
  })
  test('a text that stands for null', () => {
    expect(read('a\nNULL\nNULLx\n', { nullText: 'NULL' })).toEqual(['∅=a', '∅=∅', '∅=NULLx'])
  })
})

describe('key-value', () => {
  test('split at the first separator, of any length', () => {
    expect(read('k:v:w\n:v\nk:\n', { format: 'key-value' })).toEqual(['k=v:w', '=v', 'k='])
    expect(read('k=>v\n', { format: 'key-value', keySeparator: '=>' })).toEqual(['k=v'])
  })
  test('a tombstone, and a key of null', () => {
    expect(read('k:-\n-:v\n', { format: 'key-value', nullText: '-' })).toEqual(['k=∅', '∅=v'])
  })
  test('a line without a separator is refused with its number', () => {
    expect(() => read('a:b\nno\n', { format: 'key-value' })).toThrow(
      'line 2 of stdin cannot be sent: there is no key separator ":"',
    )
  })
})

describe('json', () => {
  test('values as they stand, keys from a path; blank lines are none', () => {
    const text = '{"u":{"id":7},"n":1.0}\n  \n{"u":{"id":"x"}}\n{"u":{"id":null}}\n'
    expect(read(text, { format: 'json', key: 'u.id' })).toEqual([
      '7={"u":{"id":7},"n":1.0}',
      'x={"u":{"id":"x"}}',
      '∅={"u":{"id":null}}',
    ])
  })
  test('what is not JSON, and a key that is not there, are refused with the line', () => {
    expect(() => read('1\n{"a":\n', { format: 'json' })).toThrow(/^line 2 of stdin cannot be sent: it is not JSON/)
    expect(() => read('{"a":1}\n', { format: 'json', key: 'b' })).toThrow(/no member "b" for the key/)
  })
})

describe('csv', () => {
  test('rows become objects by the header; quotes as RFC 4180 has them', () => {
    const text = '\ufeffid,"na""me"\r\n1,"a,b"\r\n2,"two\nlines"\n3,\n'
    expect(read(text, { format: 'csv', key: 'id' })).toEqual([
      '1={"id":"1","na\\"me":"a,b"}',
      '2={"id":"2","na\\"me":"two\\nlines"}',
      '3={"id":"3","na\\"me":""}',
    ])
  })
  test('another delimiter, a text that stands for null', () => {
    expect(read('a\tb\nx\t-\n', { format: 'csv', delimiter: '\t', nullText: '-' })).toEqual(['∅={"a":"x","b":null}'])
  })
  test.each([
    ['a,b\n1,"x\ny"\n1\n', 'line 4 of stdin cannot be sent: it has 1 fields, the header has 2'],
    ['a,b\n1,"x\n', 'line 2 of stdin cannot be sent: a quote is never closed'],
    ['a,b\n1,"x"y\n', 'line 2 of stdin cannot be sent: text follows a closing quote'],
    ['a,a\n', 'line 1 of stdin cannot be sent: the header names "a" twice'],
  ])('%j is refused', (text, message) => {
    expect(() => read(text, { format: 'csv' })).toThrow(message)
  })
  test('a key that is no column is refused with those there are', () => {
    expect(() => read('a,b\n', { format: 'csv', key: 'c' })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('The columns are a, b.') }),
    )
  })
})
