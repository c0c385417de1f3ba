import { expect, test } from 'vitest'
import type { StartTarget } from '../arguments.ts'
import { planCursors } from './plan-start.ts'

const ranges = new Map([
  [1, { first: 0, end: 5 }],
  [0, { first: 10, end: 100 }],
])

function starts(start: StartTarget, atTimestamp = new Map<number, number>()) {
  return planCursors(ranges, start, atTimestamp, false).map(({ partition, next }) => [partition, next])
}

test('each partition within what it holds', () => {
  expect(starts({ kind: 'earliest' })).toEqual([
    [0, 10],
    [1, 0],
  ])
  expect(starts({ kind: 'latest' })).toEqual([
    [0, 100],
    [1, 5],
  ])
  expect(starts({ kind: 'offset', offset: 7 })).toEqual([
    [0, 10],
    [1, 5],
  ])
  expect(starts({ kind: 'offset', offset: -3 })).toEqual([
    [0, 97],
    [1, 2],
  ])
  const at = new Map([
    [0, 50],
    [1, -1],
  ])
  expect(starts({ kind: 'timestamp', timestampMs: 1 }, at)).toEqual([
    [0, 50],
    [1, 5],
  ])
})

test('reading ends where the partition ends now, if asked', () => {
  const ends = (untilEnd: boolean) =>
    planCursors(ranges, { kind: 'earliest' }, new Map(), untilEnd).map(({ end }) => end)
  expect(ends(true)).toEqual([100, 5])
  expect(ends(false)).toEqual([undefined, undefined])
})
