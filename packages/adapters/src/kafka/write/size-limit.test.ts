import { expect, test } from 'vitest'
import { SizeLimit } from './size-limit.ts'

const plain = (bytes: number) => ({ bytes, plainBytes: bytes })

test('a limit is what the topic says, or what it refused', () => {
  const limit = new SizeLimit(1000)
  expect(limit.harmlessBytes).toBe(1000)
  limit.refusedTogether(900)
  expect([limit.harmlessBytes, limit.batchBytes]).toEqual([1000, 450])
  limit.refusedAlone(plain(800), 700)
  expect([limit.harmlessBytes, limit.excess(plain(700)), limit.excess(plain(701))]).toEqual([700, undefined, 701])
  expect(limit.reason('t', 800)).toContain('800 bytes, more than topic "t" takes (max.message.bytes is 700)')
  // Refused all the same: what the broker makes of it is larger.
  limit.refusedAlone(plain(600), 700)
  expect([limit.harmlessBytes, limit.excess(plain(599)), limit.excess(plain(600))]).toEqual([599, undefined, 600])
  expect(limit.reason('t', 600)).not.toContain('is 700')
})

test('a record that was refused for what the broker unpacked says nothing of those that are smaller then', () => {
  const limit = new SizeLimit(1000)
  limit.refusedAlone({ bytes: 100, plainBytes: 5000 }, 1000)
  expect(limit.harmlessBytes).toBe(1000)
  expect(limit.excess({ bytes: 100, plainBytes: 5000 })).toBe(5000)
  expect(limit.excess({ bytes: 120, plainBytes: 6000 })).toBe(6000)
  expect(limit.excess({ bytes: 700, plainBytes: 900 })).toBeUndefined()
})

test('where the topic says nothing, or more than a request may hold, there is a limit all the same', () => {
  for (const stated of [undefined, 2 ** 30]) {
    const { harmlessBytes } = new SizeLimit(stated)
    expect(harmlessBytes).toBe(2 ** 26)
    expect(new SizeLimit(stated).reason('t', harmlessBytes + 1)).toContain('sent to Kafka at most')
  }
})
