import { expect, it } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

it('stands still until it is moved', () => {
  const clock = new VirtualClock('2026-11-20T10:00:00Z')
  const { now } = clock
  expect(new Date(now()).toISOString()).toBe('2026-11-20T10:00:00.000Z')
  expect(clock.advance(1500)).toBe(now())
  expect(new Date(now()).toISOString()).toBe('2026-11-20T10:00:01.500Z')
  clock.set(0)
  expect(now()).toBe(0)
})

it('refuses what is no time', () => {
  const clock = new VirtualClock(5)
  expect(() => clock.advance(-1)).toThrow(RangeError)
  expect(() => clock.set('soon')).toThrow(RangeError)
  expect(clock.now()).toBe(5)
})
