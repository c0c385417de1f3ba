import { OFFSET_SPEC } from '@headrace/broker/protocol'
import { describe, expect, test } from 'vitest'
import type { KafkaSourceConfig } from './config.ts'
import { planStart } from './start.ts'

const { earliest, latest } = OFFSET_SPEC
const none = new Map()

function plan(start: KafkaSourceConfig['start'], from: ReadonlyMap<string, { offset: number }>, count = 3) {
  const config: KafkaSourceConfig = { topic: 't', start, isolation: 'readCommitted', checkCrcs: false, connection: 'k' }
  const { offsets, asked } = planStart(config, from, count)
  return { offsets: Object.fromEntries(offsets), asked: Object.fromEntries(asked) }
}

describe('planStart', () => {
  test('without positions: what the configuration says', () => {
    expect(plan('earliest', none)).toEqual({ offsets: {}, asked: { 0: earliest, 1: earliest, 2: earliest } })
    expect(plan('latest', none)).toEqual({ offsets: {}, asked: { 0: latest, 1: latest, 2: latest } })
    expect(plan({ timestamp: '2026-11-20T10:00:00Z' }, none, 1).asked).toEqual({ 0: 1_795_168_800_000 })
    expect(plan({ offsets: { '1': 70 } }, none)).toEqual({ offsets: { 1: 70 }, asked: { 0: earliest, 2: earliest } })
  })

  test('positions come first; a partition that has none was added since, and is read from its first record', () => {
    const from = new Map([
      ['t/0', { offset: 5 }],
      ['t/2', { offset: 0 }],
    ])
    for (const start of ['earliest', 'latest', { timestamp: '2026-11-20T10:00:00Z' }] as const) {
      expect(plan(start, from)).toEqual({ offsets: { 0: 5, 2: 0 }, asked: { 1: earliest } })
    }
    expect(plan({ offsets: { '0': 1, '1': 70 } }, from)).toEqual({ offsets: { 0: 5, 1: 70, 2: 0 }, asked: {} })
  })

  test('positions of another topic do not count', () => {
    expect(plan('latest', new Map([['t2/0', { offset: 5 }]]), 1)).toEqual({ offsets: {}, asked: { 0: latest } })
  })

  test('a partition that the topic does not have', () => {
    expect(() => plan('latest', new Map([['t/3', { offset: 5 }]]))).toThrow('topic "t" has no partition 3: it has 3')
    expect(() => plan({ offsets: { '9': 0 } }, none)).toThrow(
      expect.objectContaining({ code: 'KAFKA_PARTITION_MISSING' }),
    )
  })
})
