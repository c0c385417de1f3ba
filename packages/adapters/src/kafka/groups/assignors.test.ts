import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ASSIGNORS, assignCooperative, assignRange, assignRoundRobin } from './assignors.ts'
import type { Subscription, TopicPartition } from './group-assignment.ts'

const wants = (topics: string[], owned: TopicPartition[] = [], generation = -1): Subscription => ({
  topics,
  owned,
  generation,
})
const namesOf = (partitions: readonly TopicPartition[] = []) =>
  partitions.map(({ topic, index }) => `${topic}/${index}`)
const parts = (topic: string, ...indexes: number[]) => indexes.map((index) => ({ topic, index }))

const two = new Map([
  ['m2', wants(['a', 'b'])],
  ['m1', wants(['a'])],
])
const counts = new Map([
  ['b', 1],
  ['a', 3],
])

test('range: the first members get one more, and only of topics that they subscribe to', () => {
  const assigned = assignRange(two, counts)
  expect(namesOf(assigned.get('m1'))).toEqual(['a/0', 'a/1'])
  expect(namesOf(assigned.get('m2'))).toEqual(['a/2', 'b/0'])
})

test('roundrobin: in turn, and who does not subscribe is passed over', () => {
  const assigned = assignRoundRobin(two, counts)
  expect(namesOf(assigned.get('m1'))).toEqual(['a/0', 'a/2'])
  expect(namesOf(assigned.get('m2'))).toEqual(['a/1', 'b/0'])
})

describe('cooperative-sticky', () => {
  test('what moves is nobody’s in the first round, and is handed out in the second', () => {
    const four = new Map([['t', 4]])
    const first = new Map([
      ['old', wants(['t'], parts('t', 0, 1, 2, 3), 1)],
      ['new', wants(['t'])],
    ])
    const round = assignCooperative(first, four)
    expect(namesOf(round.get('old'))).toEqual(['t/0', 't/1'])
    expect(round.get('new')).toEqual([])
    const second = new Map([
      ['old', wants(['t'], round.get('old'), 2)],
      ['new', wants(['t'], [], 2)],
    ])
    expect(namesOf(assignCooperative(second, four).get('new'))).toEqual(['t/2', 't/3'])
  })

  test('a member that owns nothing, because it gave all up, gets the rest at once', () => {
    const members = new Map([
      ['keeps', wants(['t'], parts('t', 2), 3)],
      ['eager', wants(['t'])],
    ])
    const assigned = assignCooperative(members, new Map([['t', 3]]))
    expect(namesOf(assigned.get('keeps'))).toEqual(['t/2'])
    expect(namesOf(assigned.get('eager'))).toEqual(['t/0', 't/1'])
  })

  test('what two claim is the newer one’s, but not while the other has it', () => {
    const members = new Map([
      ['missed', wants(['t'], parts('t', 0), 1)],
      ['current', wants(['t'], parts('t', 0), 2)],
    ])
    const assigned = assignCooperative(members, new Map([['t', 2]]))
    expect(namesOf(assigned.get('missed'))).toEqual(['t/1'])
    expect(assigned.get('current')).toEqual([])
  })
})

const topicsOf = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 })
const groups = fc.record({
  subscriptions: fc.dictionary(fc.constantFrom('m0', 'm1', 'm2', 'm3', 'm4'), topicsOf, { minKeys: 1 }),
  sizes: fc.tuple(fc.nat(7), fc.nat(7), fc.nat(7)),
})

test.each([...ASSIGNORS])('%s: every partition goes to one member that wants it', (_, assign) => {
  fc.assert(
    fc.property(groups, ({ subscriptions, sizes }) => {
      const members = new Map(Object.entries(subscriptions).map(([id, topics]) => [id, wants(topics)]))
      const all = new Map(['a', 'b', 'c'].map((topic, i) => [topic, sizes[i] ?? 0]))
      const assigned = assign(members, all)
      for (const [id, own] of assigned) {
        expect(own.every(({ topic }) => members.get(id)?.topics.includes(topic))).toBe(true)
      }
      const wanted = new Set<string>(Object.values(subscriptions).flat())
      const expected = [...all].flatMap(([topic, count]) =>
        wanted.has(topic) ? parts(topic, ...Array(count).keys()) : [],
      )
      expect(namesOf([...assigned.values()].flat()).sort()).toEqual(namesOf(expected).sort())
    }),
  )
})

test('cooperative-sticky: whoever comes and goes, nothing is handed from one to another, and it ends evenly', () => {
  const history = fc.array(fc.uniqueArray(fc.constantFrom('m0', 'm1', 'm2', 'm3'), { minLength: 1 }), { minLength: 1 })
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 12 }), (steps, count) => {
      let owned = new Map<string, TopicPartition[]>()
      let generation = 0
      for (const present of steps) {
        const round = () => {
          const members = new Map(present.map((id) => [id, wants(['t'], owned.get(id) ?? [], generation)]))
          const assigned = assignCooperative(members, new Map([['t', count]]))
          for (const [id, own] of assigned) {
            for (const name of namesOf(own)) {
              const others = present.filter((other) => other !== id && namesOf(owned.get(other)).includes(name))
              expect(others).toEqual([])
            }
          }
          generation++
          owned = assigned
        }
        round()
        round()
        const shares = present.map((id) => owned.get(id)?.length ?? 0)
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
        expect(namesOf([...owned.values()].flat()).sort()).toEqual(namesOf(parts('t', ...Array(count).keys())).sort())
      }
    }),
  )
})
