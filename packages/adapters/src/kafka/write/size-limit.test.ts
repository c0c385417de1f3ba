import { expect, test } from 'vitest'
import { SizeLimit } from './size-limit.ts'

test('a limit is what the topic says, or what it refused', () => {
  const limit = new SizeLimit(1000)
  expect(limit.bytes).toBe(1000)
  limit.refusedTogether(900)
  expect([limit.bytes, limit.batchBytes]).toEqual([1000, 450])
  limit.refusedAlone(800, 700)
  expect(limit.bytes).toBe(700)
  expect(limit.reason('t', 800)).toContain('800 bytes, more than topic "t" takes (max.message.bytes is 700)')
  // Refused all the same: what the broker makes of it is larger.
  limit.refusedAlone(600, 700)
  expect(limit.bytes).toBe(599)
  expect(limit.reason('t', 600)).not.toContain('is 700')
})

test('where the topic says nothing, or more than a request may hold, there is a limit all the same', () => {
  for (const stated of [undefined, 2 ** 30]) {
    const { bytes } = new SizeLimit(stated)
    expect(bytes).toBe(2 ** 26)
    expect(new SizeLimit(stated).reason('t', bytes + 1)).toContain('sent to Kafka at most')
  }
})
