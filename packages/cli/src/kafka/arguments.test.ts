import { describe, expect, test, vi } from 'vitest'
import { resetTargetArgument, startArgument, topicPartitionsArgument } from './arguments.ts'

describe('where offsets are moved', () => {
  test.each([
    ['earliest', { kind: 'earliest' }],
    ['latest', { kind: 'latest' }],
    ['1200', { kind: 'offset', offset: 1200 }],
    ['+100', { kind: 'shift', by: 100 }],
    ['-100', { kind: 'shift', by: -100 }],
    ['2026-11-20T10:00:00Z', { kind: 'timestamp', timestampMs: Date.UTC(2026, 10, 20, 10) }],
    ['2026-11-20', { kind: 'timestamp', timestampMs: Date.UTC(2026, 10, 20) }],
  ])('%s', (text, expected) => {
    expect(resetTargetArgument(text)).toEqual(expected)
  })

  test('so long ago', () => {
    vi.useFakeTimers({ now: 10_000_000 })
    try {
      expect(resetTargetArgument('15m ago')).toEqual({ kind: 'timestamp', timestampMs: 10_000_000 - 900_000 })
    } finally {
      vi.useRealTimers()
    }
  })

  test.each(['', 'soon', '1.5', 'ago', 'x ago', '2026-99-99'])('%j is refused', (text) => {
    expect(() => resetTargetArgument(text)).toThrow(/must|duration/)
  })

  test('where reading begins knows no shift', () => {
    expect(startArgument('-5')).toEqual({ kind: 'offset', offset: -5 })
  })
})

describe('topics with partitions', () => {
  test('collected one after the other', () => {
    expect(topicPartitionsArgument('b:2,0', topicPartitionsArgument('a', []))).toEqual([
      { topic: 'a' },
      { topic: 'b', partitions: [2, 0] },
    ])
  })
  test.each([':0', 'a:x', 'a:-1', 'a:0:1', 'a:'])('%j is refused', (text) => {
    expect(() => topicPartitionsArgument(text, [])).toThrow(/must|numbered/)
  })
})
