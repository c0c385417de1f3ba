import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, windowEnd } from './lateness.ts'
import { Watermarks } from './watermark.ts'

const minute = { kind: 'tumble', sizeMs: 60_000, offsetMs: 0 } as const
const always = Number.MAX_SAFE_INTEGER

/** One partition's times judged at once. */
function judgeOne(
  times: number[],
  options: { delayMs?: number; horizon?: number; maxAheadMs?: number; timestamps?: number[] } = {},
) {
  return judge(
    {
      times: Float64Array.from(times),
      timestamps: Float64Array.from(options.timestamps ?? times.map(() => -1)),
      ranges: [{ partition: 'p', from: 0, to: times.length }],
    },
    {
      delayMs: options.delayMs ?? 5000,
      maxAheadMs: options.maxAheadMs ?? always,
      windows: [minute],
      horizon: options.horizon ?? Number.NEGATIVE_INFINITY,
      maxTime: () => Number.NEGATIVE_INFINITY,
    },
  )
}

describe('windowEnd', () => {
  it('is the next multiple of the size, exclusive, also before 1970 and with an offset', () => {
    expect(windowEnd(minute, 0)).toBe(60_000)
    expect(windowEnd(minute, 59_999)).toBe(60_000)
    expect(windowEnd(minute, 60_000)).toBe(120_000)
    expect(windowEnd(minute, -1)).toBe(0)
    expect(windowEnd({ ...minute, offsetMs: 15_000 }, 14_999)).toBe(15_000)
  })
})

describe('judge', () => {
  it('calls a row late once its partition has passed the end of its window by the delay, less 1 ms', () => {
    // Window [0, 60 s), delay 5 s: late from the moment a time of 64.999 s has been seen before.
    expect(judgeOne([64_998, 59_999]).late).toEqual([[]])
    expect(judgeOne([64_999, 59_999]).late).toEqual([[1]])
  })

  it('does not count the row itself, nor rows after it', () => {
    expect(judgeOne([1000, 90_000]).late).toEqual([[]])
  })

  it('names rows behind the horizon apart from those that their own partition makes late', () => {
    const judged = judgeOne([1000, 200_000, 2000], { horizon: 60_000 })
    expect(judged.behindHorizon).toEqual([[0]])
    expect(judged.late).toEqual([[2]])
  })

  it('takes rows without a time and rows too far ahead out, and lets neither move the watermark', () => {
    const judged = judgeOne([1000, Number.NaN, 10_000_000, 2000], { maxAheadMs: 60_000, timestamps: [0, 0, 0, 0] })
    expect(judged.missing).toEqual([1])
    expect(judged.ahead).toEqual([2])
    expect(judged.late).toEqual([[]])
    expect(judged.maxTimes.get('p')).toBe(2000)
  })

  it('judges nothing as ahead where the record has no timestamp', () => {
    expect(judgeOne([10_000_000], { maxAheadMs: 1, timestamps: [-1] }).ahead).toEqual([])
  })

  it('gives the same late rows however the stream is cut into epochs and its partitions are read', () => {
    const stream = fc.array(
      fc.record({ partition: fc.constantFrom('a', 'b', 'c'), time: fc.integer({ min: 0, max: 400_000 }) }),
      {
        minLength: 1,
        maxLength: 120,
      },
    )
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 }),
        (records, cuts) => {
          expect(lateOf(records, cuts)).toEqual(lateOf(records, [records.length]))
        },
      ),
    )
  })
})

/** Late records of a stream read in epochs of these sizes (repeated), with the horizon moving as the engine moves it. */
function lateOf(records: readonly { partition: string; time: number }[], cuts: readonly number[]): number[] {
  const delayMs = 5000
  const watermarks = new Watermarks({ delayMs })
  for (const partition of ['a', 'b', 'c']) watermarks.assign(partition)
  const late: number[] = []
  for (let at = 0, e = 0; at < records.length; e++) {
    const epoch = records
      .slice(at, at + (cuts[e % cuts.length] as number))
      .map((record, i) => ({ ...record, index: at + i }))
    const byPartition = Map.groupBy(epoch, (record) => record.partition)
    const rows = [...byPartition.values()].flat()
    let from = 0
    const ranges = [...byPartition].map(([partition, own]) => ({ partition, from, to: (from += own.length) }))
    const judged = judge(
      {
        times: Float64Array.from(rows, (row) => row.time),
        timestamps: new Float64Array(rows.length).fill(-1),
        ranges,
      },
      {
        delayMs,
        maxAheadMs: always,
        windows: [minute],
        horizon: watermarks.horizon,
        maxTime: (p) => watermarks.maxTime(p),
      },
    )
    expect(judged.behindHorizon).toEqual([[]])
    for (const row of judged.late[0] ?? []) late.push((rows[row] as { index: number }).index)
    for (const [partition, maxTime] of judged.maxTimes) watermarks.advance(partition, maxTime)
    watermarks.actedOn(watermarks.current())
    at += epoch.length
  }
  return late.sort((a, b) => a - b)
}
