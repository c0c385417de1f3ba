import { describe, expect, test } from 'vitest'
import { RequestMemory, ResponseMemory } from './memory.ts'

const MIB = 1024 * 1024

describe('memory for requests', () => {
  test('is refused to large ones when it is used up, never to small ones, and comes back', () => {
    const memory = new RequestMemory(10 * MIB)
    memory.change(0, 8 * MIB)
    expect(() => memory.change(0, 3 * MIB)).toThrow('exceed')
    memory.change(0, MIB)
    memory.change(0, MIB)
    memory.change(0, MIB)
    expect(() => memory.change(8 * MIB, 8 * MIB + 1)).toThrow('exceed')
    memory.change(8 * MIB, 0)
    memory.change(0, 7 * MIB)
  })
})

describe('memory for responses', () => {
  test('gets scarcer, but never so that a client cannot go on; what was not needed comes back', () => {
    const memory = new ResponseMemory(10 * MIB)
    const first = memory.lease()
    expect(first.reserve(50 * MIB)).toBe(8 * MIB)
    expect(first.reserve(1)).toBe(0)
    const second = memory.lease()
    expect(second.reserve(50 * MIB)).toBe(2 * MIB)
    const third = memory.lease()
    expect(third.reserve(50 * MIB)).toBe(64 * 1024)
    first.settle(8 * MIB, MIB)
    expect(third.reserve(50 * MIB)).toBe(7 * MIB - 64 * 1024)
    for (const lease of [first, second, third]) lease.release()
    expect(memory.usedBytes).toBe(0)
  })

  test('a batch larger than what was granted counts too', () => {
    const memory = new ResponseMemory(MIB)
    const lease = memory.lease()
    const granted = lease.reserve(100)
    lease.settle(granted, 5 * MIB)
    expect(memory.usedBytes).toBe(5 * MIB)
    const other = memory.lease()
    expect(other.reserve(MIB)).toBe(64 * 1024)
    for (const each of [other, lease, lease]) each.release()
    expect(memory.usedBytes).toBe(0)
  })
})
