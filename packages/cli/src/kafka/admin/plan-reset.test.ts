import { describe, expect, test } from 'vitest'
import { type PartitionState, planReset, type ResetTarget } from './plan-reset.ts'

const state = (committed: number | null, atTimestamp?: number): PartitionState => ({
  topic: 'trades',
  partition: 0,
  committed,
  range: { first: 10, end: 100 },
  atTimestamp,
})

function moved(target: ResetTarget, from: PartitionState) {
  const [move] = planReset([from], target)
  return move === undefined ? undefined : [move.to, move.isClamped]
}

describe('planReset', () => {
  test.each<[string, ResetTarget, PartitionState, [number, boolean]]>([
    ['to the first record', { kind: 'earliest' }, state(50), [10, false]],
    ['to the end', { kind: 'latest' }, state(null), [100, false]],
    ['to an offset', { kind: 'offset', offset: 42 }, state(null), [42, false]],
    ['to an offset that retention has removed', { kind: 'offset', offset: 3 }, state(50), [10, true]],
    ['to an offset beyond the end', { kind: 'offset', offset: 101 }, state(50), [100, true]],
    ['to a time', { kind: 'timestamp', timestampMs: 1 }, state(50, 60), [60, false]],
    ['to a time after every record', { kind: 'timestamp', timestampMs: 1 }, state(50), [100, false]],
    ['on', { kind: 'shift', by: 20 }, state(50), [70, false]],
    ['back', { kind: 'shift', by: -20 }, state(50), [30, false]],
    ['back beyond the first record', { kind: 'shift', by: -41 }, state(50), [10, true]],
    ['on from nothing committed', { kind: 'shift', by: 5 }, state(null), [15, false]],
  ])('%s', (_, target, from, expected) => {
    expect(moved(target, from)).toEqual(expected)
  })

  test('each partition on its own', () => {
    const states = [state(50), { ...state(null), partition: 1, range: { first: 0, end: 5 } }]
    expect(planReset(states, { kind: 'latest' })).toEqual([
      { topic: 'trades', partition: 0, from: 50, to: 100, isClamped: false },
      { topic: 'trades', partition: 1, from: null, to: 5, isClamped: false },
    ])
  })
})
