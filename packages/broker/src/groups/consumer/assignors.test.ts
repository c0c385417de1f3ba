import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ASSIGNORS, type AssignableMember, preferredAssignor } from './assignor.ts'
import { byTopic, NO_PARTITIONS, type PartitionSet, partitionSetOf, topicIdOf } from './partition-set.ts'
import { assignRange } from './range-assignor.ts'
import { assignUniform } from './uniform-assignor.ts'

const member = (id: string, topicIds: readonly string[], rest: Partial<AssignableMember> = {}): AssignableMember => ({
  id,
  instanceId: null,
  topicIds: new Set(topicIds),
  previous: NO_PARTITIONS,
  ...rest,
})

const plain = (assigned: ReadonlyMap<string, PartitionSet>) =>
  Object.fromEntries(
    [...assigned].map(([id, partitions]) => [
      id,
      Object.fromEntries(byTopic(partitions).map((topic) => [topic.topicId, topic.partitions])),
    ]),
  )

const topicIds = ['a', 'b', 'c']
const groups = fc
  .record({
    counts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 3, maxLength: 3 }),
    subscriptions: fc.array(fc.subarray(topicIds), { minLength: 1, maxLength: 6 }),
  })
  .map(({ counts, subscriptions }) => {
    const members = subscriptions.map((topics, index) => member(`m${index}`, topics))
    const isWanted = (topic: string) => members.some((one) => one.topicIds.has(topic))
    return {
      members,
      counts: new Map(topicIds.map((id, i) => [id, counts[i] ?? 1] as const).filter(([id]) => isWanted(id))),
    }
  })

describe.each([...ASSIGNORS])('%s', (_name, assign) => {
  test('every partition goes to exactly one member that is subscribed to its topic', () => {
    fc.assert(
      fc.property(groups, ({ members, counts }) => {
        const assigned = assign(members, counts)
        const all = [...assigned.values()].flatMap((partitions) => [...partitions])
        expect(all).toHaveLength([...counts.values()].reduce((sum, count) => sum + count, 0))
        expect(new Set(all).size).toBe(all.length)
        for (const { id, topicIds } of members)
          for (const partition of assigned.get(id) ?? []) expect(topicIds).toContain(topicIdOf(partition))
      }),
    )
  })
})

describe('uniform', () => {
  test('members with the same subscription have the same number of partitions, to within one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 40 }), (size, count) => {
        const members = Array.from({ length: size }, (_, index) => member(`m${index}`, ['a']))
        const sizes = [...assignUniform(members, new Map([['a', count]])).values()].map((partitions) => partitions.size)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('who comes and goes moves no more partitions than it has to', () => {
    const counts = new Map([['a', 12]])
    const first = assignUniform([member('m0', ['a']), member('m1', ['a'])], counts)
    const previousOf = (assigned: ReadonlyMap<string, PartitionSet>, id: string) => ({
      previous: assigned.get(id) ?? NO_PARTITIONS,
    })
    const three = ['m0', 'm1', 'm2'].map((id) => member(id, ['a'], previousOf(first, id)))
    const second = assignUniform(three, counts)
    expect([...second.values()].map((partitions) => partitions.size)).toEqual([4, 4, 4])
    for (const id of ['m0', 'm1']) expect(second.get(id)?.isSubsetOf(first.get(id) ?? NO_PARTITIONS)).toBe(true)
    const third = assignUniform(
      ['m0', 'm2'].map((id) => member(id, ['a'], previousOf(second, id))),
      counts,
    )
    for (const id of ['m0', 'm2']) expect(second.get(id)?.isSubsetOf(third.get(id) ?? NO_PARTITIONS)).toBe(true)
  })

  test('who may have what nobody else may has less of the rest', () => {
    const members = [member('m0', ['a']), member('m1', ['a', 'b'])]
    const assigned = assignUniform(
      members,
      new Map([
        ['a', 6],
        ['b', 4],
      ]),
    )
    expect([...assigned.values()].map((partitions) => partitions.size)).toEqual([5, 5])
  })

  test('partitions of a topic that is gone, or not subscribed to any more, are not kept', () => {
    const previous = partitionSetOf([
      { topicId: 'a', partitions: [0, 1] },
      { topicId: 'gone', partitions: [0] },
    ])
    expect(plain(assignUniform([member('m0', ['b'], { previous })], new Map([['b', 1]])))).toEqual({ m0: { b: [0] } })
  })
})

describe('range', () => {
  test('ranges of each topic, the first ones longer, static members in front', () => {
    const members = [member('m1', ['a', 'b']), member('m0', ['a', 'b']), member('m9', ['b'], { instanceId: 'static' })]
    expect(
      plain(
        assignRange(
          members,
          new Map([
            ['a', 5],
            ['b', 3],
          ]),
        ),
      ),
    ).toEqual({
      m0: { a: [0, 1, 2], b: [1] },
      m1: { a: [3, 4], b: [2] },
      m9: { b: [0] },
    })
  })

  test('more members than partitions', () => {
    const members = ['m0', 'm1', 'm2'].map((id) => member(id, ['a']))
    expect(plain(assignRange(members, new Map([['a', 2]])))).toEqual({ m0: { a: [0] }, m1: { a: [1] }, m2: {} })
  })
})

test('the assignor that most members ask for, uniform where none does', () => {
  const asking = (...names: (string | null)[]) => names.map((serverAssignor) => ({ serverAssignor }))
  expect(preferredAssignor(asking(null, null))).toBe('uniform')
  expect(preferredAssignor(asking(null, 'range'))).toBe('range')
  expect(preferredAssignor(asking('uniform', 'range', 'range'))).toBe('range')
})
