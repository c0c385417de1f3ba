import { expect, test } from 'vitest'
import { partitionName } from '../position.ts'
import { layoutChange, partitionsOf, type TopicLayout } from './layout.ts'

function layoutOf(topics: Record<string, [partitions: number, id?: string]>) {
  return new Map<string, TopicLayout>(
    Object.entries(topics).map(([topic, [count, topicId]]) => {
      const partitions = Array.from({ length: count }, (_, index) => {
        const leader = { host: 'h', port: 1 }
        return { name: partitionName(topic, index), topic, topicId, index, leader, leaderEpoch: -1 }
      })
      return [topic, { topic, topicId, partitions }]
    }),
  )
}

test('what a second look shows: new partitions, new topics, topics deleted and made again', () => {
  const before = layoutOf({ grows: [1, 'a'], same: [2, 'b'], again: [1, 'c'], gone: [1, 'd'], unknown: [1] })
  const now = layoutOf({ new: [2, 'e'], again: [3, 'f'], same: [2, 'b'], grows: [3, 'a'], unknown: [1, 'g'] })
  const { added, deleted, recreated } = layoutChange(before, now)
  expect(added.map(({ name }) => name).sort()).toEqual(['grows/1', 'grows/2', 'new/0', 'new/1'])
  expect(deleted.map(({ topic }) => topic)).toEqual(['gone'])
  expect(recreated.map((one) => [one.before.topicId, one.now.topicId])).toEqual([['c', 'f']])
})

test('partitions come by topic, then by number', () => {
  const names = partitionsOf(layoutOf({ b: [2], a: [11] })).map(({ name }) => name)
  expect(names.slice(9)).toEqual(['a/9', 'a/10', 'b/0', 'b/1'])
})
