import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BufferPool } from './buffer-pool.ts'

const MIB = 1024 * 1024

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('what is given back is given out again, never to two', () => {
  const pool = new BufferPool(8 * MIB)
  const [first, second] = [pool.take(MIB), pool.take(MIB)]
  expect(second).not.toBe(first)
  pool.give(first)
  expect(pool.freeBytes).toBe(MIB)
  expect(pool.take(MIB - 1)).toBe(first)
  expect(pool.take(MIB)).not.toBe(first)
  expect(pool.freeBytes).toBe(0)
})

test('a buffer is as large as was asked for, or larger', () => {
  const pool = new BufferPool(8 * MIB)
  for (const bytes of [0, 61, 16_384, 16_385, 1_000_000, MIB, MIB + 1, 8 * MIB, 50 * MIB])
    expect(pool.take(bytes).length).toBeGreaterThanOrEqual(bytes)
})

test('no more is kept than it may, and nothing for long', () => {
  const pool = new BufferPool(3 * MIB)
  for (const buffer of [pool.take(2 * MIB), pool.take(2 * MIB), pool.take(MIB), pool.take(50 * MIB), pool.take(10)])
    pool.give(buffer)
  expect(pool.freeBytes).toBe(3 * MIB)
  vi.advanceTimersByTime(60_000)
  expect(pool.freeBytes).toBe(0)
})
