import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  assignRange,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './group-assignment.ts'

test('subscriptions and assignments come back from their bytes, and are those of Kafka’s protocol', () => {
  expect(encodeSubscription(['t']).toString('hex')).toBe('00000000000100017400000000'.replace(/00000000$/, 'ffffffff'))
  expect(decodeSubscription(encodeSubscription(['trades', 'ö']))).toEqual(['trades', 'ö'])
  const assignment = [
    { topic: 'a', index: 3 },
    { topic: 'a', index: 0 },
    { topic: 'b', index: 1 },
  ]
  expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
  expect(decodeAssignment(Buffer.alloc(0))).toEqual([])
})

test('range: the first members get one more, and only of topics that they subscribe to', () => {
  const assigned = assignRange(
    new Map([
      ['m2', ['a', 'b']],
      ['m1', ['a']],
    ]),
    new Map([
      ['a', 3],
      ['b', 1],
    ]),
  )
  const of = (member: string) => assigned.get(member)?.map(({ topic, index }) => `${topic}/${index}`)
  expect(of('m1')).toEqual(['a/0', 'a/1'])
  expect(of('m2')).toEqual(['a/2', 'b/0'])
})

test('every partition goes to exactly one member, evenly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.nat({ max: 40 }), (members, count) => {
      const subscriptions = new Map(Array.from({ length: members }, (_, i) => [`m${i}`, ['t']]))
      const shares = [...assignRange(subscriptions, new Map([['t', count]])).values()]
      const all = shares.flat().map(({ index }) => index)
      expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
      const sizes = shares.map((share) => share.length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})
