import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

describe('parseDuration', () => {
  test.each([
    ['5 seconds', 5000],
    ['500 ms', 500],
    ['1 minute', 60_000],
    ['2h', 7_200_000],
    ['1.5 h', 5_400_000],
    ['1.1s', 1100],
    ['  3 Days ', 259_200_000],
    ['0 ms', 0],
    [250, 250],
  ])('%j is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each(['', '5', 'five seconds', '5 fortnights', '-1 s', '1 s 2', '0.5 ms', '1e3 s', '99999999999999 days'])(
    '%j is refused',
    (text) => {
      expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'CONFIG_DURATION' }))
    },
  )

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('the number %d is refused', (value) => {
    expect(() => parseDuration(value)).toThrow(expect.objectContaining({ code: 'CONFIG_DURATION' }))
  })
})

describe('parseSize', () => {
  test.each([
    ['64 MiB', 67_108_864],
    ['1 MB', 1_000_000],
    ['1kb', 1000],
    ['1.5 KiB', 1536],
    ['1 byte', 1],
    ['2 TiB', 2_199_023_255_552],
    [4096, 4096],
  ])('%j is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  test.each(['', '64', '64 Mi', '64 megs', '-1 MB', '0.3 bytes', '1 MiB extra'])('%j is refused', (text) => {
    expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'CONFIG_SIZE' }))
  })
})

test('a formatted duration reads back as itself', () => {
  const durations = fc.oneof(
    fc.nat(),
    fc.maxSafeNat(),
    fc.nat(10_000).map((n) => n * 60_000),
    fc.nat(400).map((n) => n * 86_400_000),
  )
  fc.assert(fc.property(durations, (ms) => parseDuration(formatDuration(ms)) === ms))
  expect([0, 1, 1500, 1000, 90_000, 60_000, 7_200_000, 86_400_000].map(formatDuration)).toEqual([
    '0 ms',
    '1 ms',
    '1500 ms',
    '1 second',
    '90 seconds',
    '1 minute',
    '2 hours',
    '1 day',
  ])
})

test('a formatted size reads back as itself', () => {
  const sizes = fc.oneof(
    fc.nat(),
    fc.maxSafeNat(),
    fc.nat(4096).map((n) => n * 1024 * 1024),
  )
  fc.assert(fc.property(sizes, (bytes) => parseSize(formatSize(bytes)) === bytes))
  expect([0, 1, 1234567, 1024, 67_108_864, 1_000_000].map(formatSize)).toEqual([
    '0 bytes',
    '1 byte',
    '1234567 bytes',
    '1 KiB',
    '64 MiB',
    '1 MB',
  ])
})
