import { expect, test } from 'vitest'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './group-assignment.ts'

test('subscriptions and assignments come back from their bytes, and are those of Kafka’s protocol', () => {
  expect(encodeSubscription(['t']).toString('hex')).toBe('0001000000010001' + '74' + 'ffffffff' + '00000000')
  const topics = ['trades', 'ö']
  expect(decodeSubscription(encodeSubscription(topics))).toEqual({ topics, owned: [], generation: -1 })
  const assignment = [
    { topic: 'a', index: 3 },
    { topic: 'a', index: 0 },
    { topic: 'b', index: 1 },
  ]
  expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
  expect(decodeAssignment(Buffer.alloc(0))).toEqual([])
})

test('later versions: what a member owns, since when; and what follows is let pass', () => {
  const topics = '000000010001' + '74'
  const owned = '000000010001' + '74' + '00000002' + '00000000' + '00000005'
  const both = [
    { topic: 't', index: 0 },
    { topic: 't', index: 5 },
  ]
  const decoded = (hex: string) => decodeSubscription(Buffer.from(hex, 'hex'))
  expect(decoded(`0001${topics}${'00000001ff'}${owned}`)).toEqual({ topics: ['t'], owned: both, generation: -1 })
  const third = `0003${topics}${'ffffffff'}${owned}${'00000007'}${'0001' + '72'}`
  expect(decoded(third)).toEqual({ topics: ['t'], owned: both, generation: 7 })
})
