import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { Position } from '@headrace/core'
import { describe, expect, test } from 'vitest'
import type { Layout, PartitionPlace, TopicLayout } from '../client/layout.ts'
import type { KafkaSourceConfig } from '../config.ts'
import { partitionName } from '../position.ts'
import { planStart, topicsGone } from './start.ts'

const { earliest, latest } = OFFSET_SPEC
const none = new Map()

function topicOf(topic: string, count: number, topicId?: string): [string, TopicLayout] {
  const leader = { host: 'h', port: 1 }
  const partitions = Array.from({ length: count }, (_, index) => {
    return { name: partitionName(topic, index), topic, topicId, index, leader, leaderEpoch: 0 }
  })
  return [topic, { topic, topicId, partitions }]
}

function plan(
  start: KafkaSourceConfig['start'],
  from: ReadonlyMap<string, Position>,
  layout: Layout = new Map([topicOf('t', 3)]),
  topics?: { pattern: string },
) {
  const named = <T>(map: ReadonlyMap<PartitionPlace, T>) =>
    Object.fromEntries([...map].map(([{ name }, value]) => [name, value]))
  const { offsets, asked } = planStart(topics === undefined ? { start } : { start, topics }, from, layout)
  return { offsets: named(offsets), asked: named(asked) }
}

describe('planStart', () => {
  test('without positions: what the configuration says', () => {
    expect(plan('earliest', none)).toEqual({
      offsets: {},
      asked: { 't/0': earliest, 't/1': earliest, 't/2': earliest },
    })
    expect(plan('latest', none).asked).toEqual({ 't/0': latest, 't/1': latest, 't/2': latest })
    expect(plan({ timestamp: '2026-11-20T10:00:00Z' }, none).asked['t/0']).toBe(1_795_168_800_000)
    expect(plan({ offsets: { '1': 70 } }, none)).toEqual({
      offsets: { 't/1': { offset: 70 } },
      asked: { 't/0': earliest, 't/2': earliest },
    })
    expect(plan({ offsets: { 't/2': 7 } }, none).offsets).toEqual({ 't/2': { offset: 7 } })
  })

  test('positions come first; a partition that has none was added since, and is read from its first record', () => {
    const from = new Map([
      ['t/0', { offset: 5, leaderEpoch: 3 }],
      ['t/2', { offset: 0 }],
    ])
    for (const start of ['earliest', 'latest', { timestamp: '2026-11-20T10:00:00Z' }] as const) {
      expect(plan(start, from)).toEqual({
        offsets: { 't/0': { offset: 5, leaderEpoch: 3 }, 't/2': { offset: 0 } },
        asked: { 't/1': earliest },
      })
    }
    expect(plan({ offsets: { '0': 1, '1': 70 } }, from).offsets['t/1']).toEqual({ offset: 70 })
  })

  test('a topic that the file names for the first time begins as it says; one that a pattern finds, at its first record', () => {
    const layout = new Map([topicOf('new', 1), topicOf('t', 1)])
    const from = new Map([['t/0', { offset: 5 }]])
    expect(plan('latest', from, layout).asked).toEqual({ 'new/0': latest })
    expect(plan('latest', from, layout, { pattern: '.*' }).asked).toEqual({ 'new/0': earliest })
    expect(plan('latest', none, layout, { pattern: '.*' }).asked).toEqual({ 'new/0': latest, 't/0': latest })
  })

  test('positions of another topic do not count', () => {
    expect(plan('latest', new Map([['t2/0', { offset: 5 }]]))).toMatchObject({ offsets: {}, asked: { 't/0': latest } })
  })

  test('a topic made again, and a partition that the topic does not have', () => {
    const from = new Map([['t/0', { offset: 5, topicId: 'old' }]])
    expect(() => plan('latest', from, new Map([topicOf('t', 1, 'new')]))).toThrow(
      expect.objectContaining({ code: 'KAFKA_TOPIC_RECREATED' }),
    )
    const again = plan('latest', from, new Map([topicOf('t', 1, 'new')]), { pattern: 't' })
    expect(again).toEqual({ offsets: {}, asked: { 't/0': earliest } })
    expect(plan('latest', from, new Map([topicOf('t', 1, 'old')])).offsets['t/0']).toMatchObject({ offset: 5 })
    expect(() => plan('latest', new Map([['t/3', { offset: 5 }]]))).toThrow('topic "t" has no partition 3: it has 3')
    expect(() => plan({ offsets: { '9': 0 } }, none)).toThrow(
      expect.objectContaining({ code: 'KAFKA_PARTITION_MISSING' }),
    )
  })

  test('topics of the state that match a pattern and are gone', () => {
    const from = new Map(['a_1/0', 'a_1/1', 'a_2/0', 'b/0'].map((name) => [name, { offset: 1 }]))
    const layout = new Map([topicOf('a_2', 1)])
    expect(topicsGone(from, layout, (topic) => topic.startsWith('a_'))).toEqual({ gone: ['a_1'], recreated: [] })
  })
})
