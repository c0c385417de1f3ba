import { describe, expect, test } from 'vitest'
import { PLAIN_LOG } from './log-settings.ts'
import { planRetention } from './retention.ts'

const NOW = 1_000_000
const segment = (ageMs: number, sizeBytes = 100) => ({ sizeBytes, maxTimestamp: NOW - ageMs, createdAt: NOW })
const settings = (change: Partial<typeof PLAIN_LOG>) => ({ ...PLAIN_LOG, deletes: true, ...change })

describe('by time', () => {
  test('the oldest segments go whose latest record is too old', () => {
    const segments = [segment(300), segment(200), segment(100), segment(0)]
    expect(planRetention(segments, settings({ retentionMs: 150 }), NOW)).toBe(2)
    expect(planRetention(segments, settings({ retentionMs: 200 }), NOW)).toBe(1)
    expect(planRetention(segments, settings({ retentionMs: 0 }), NOW)).toBe(3)
  })

  test('none goes while one before it stays', () => {
    expect(planRetention([segment(0), segment(300)], settings({ retentionMs: 100 }), NOW)).toBe(0)
  })

  test('all go where all are too old; one without records is as old as its file', () => {
    const empty = { sizeBytes: 0, maxTimestamp: -1, createdAt: NOW - 50 }
    expect(planRetention([segment(300), segment(200)], settings({ retentionMs: 100 }), NOW)).toBe(2)
    expect(planRetention([segment(300), empty], settings({ retentionMs: 100 }), NOW)).toBe(1)
  })
})

describe('by size', () => {
  const segments = [segment(0), segment(0), segment(0), segment(0)]
  test.each([
    [400, 0],
    [350, 0],
    [300, 1],
    [299, 1],
    [0, 4],
  ])('%i bytes: %i go, and never so many that less is left', (retentionBytes, count) => {
    expect(planRetention(segments, settings({ retentionBytes }), NOW)).toBe(count)
  })
})

test('nothing goes by default, nor where the policy is another', () => {
  expect(planRetention([segment(1e9)], settings({}), NOW)).toBe(0)
  expect(planRetention([segment(1e9)], settings({ deletes: false, retentionMs: 1 }), NOW)).toBe(0)
})
