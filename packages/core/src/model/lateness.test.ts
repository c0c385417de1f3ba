import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNK_ROWS, judge, type RowRange, sharedChunks, suspectChunks, windowEnd } from './lateness.ts'
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

describe('suspectChunks', () => {
  const jumpy = fc.record({
    jitter: fc.array(fc.integer({ min: -8000, max: 8000 }), { minLength: 1, maxLength: 50 }),
    stepMs: fc.integer({ min: 0, max: 400 }),
    lengths: fc.array(fc.integer({ min: 0, max: 3 * CHUNK_ROWS }), { minLength: 1, maxLength: 5 }),
    odd: fc.array(fc.tuple(fc.nat(), fc.constantFrom(Number.NaN, 1e17, -1e17, 5_000_000)), { maxLength: 6 }),
    horizon: fc.constantFrom(Number.NEGATIVE_INFINITY, 20_000),
  })

  it('finds every chunk whose rows have to be judged one by one', () => {
    fc.assert(
      fc.property(jumpy, ({ jitter, stepMs, lengths, odd, horizon }) => {
        const rows = lengths.reduce((sum, length) => sum + length, 0)
        const times = Float64Array.from({ length: rows }, (_, i) => i * stepMs + (jitter[i % jitter.length] as number))
        for (const [row, time] of odd) if (rows > 0) times[row % rows] = time
        let from = 0
        const ranges = lengths.map((length, i) => ({ partition: `p${i % 2}`, from, to: (from += length) }))
        const timestamps = Float64Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? -1 : i * stepMs))
        const rules = { delayMs: 5000, maxAheadMs: 60_000, windows: [minute], horizon, maxTime: () => 3000 }
        const chunks = summaryOf(times, ranges)
        const guessed = { times: onlyKnown(times, chunks.known), timestamps, ranges, chunks }
        for (const chunk of suspectChunks(guessed, rules)) chunks.known[chunk] = 1
        const known = { times: onlyKnown(times, chunks.known), timestamps, ranges, chunks }
        expect(judge(known, rules)).toEqual(judge({ times, timestamps, ranges }, rules))
      }),
    )
  })

  it('suspects nothing where times rise within the delay', () => {
    const times = Float64Array.from({ length: 10 * CHUNK_ROWS }, (_, i) => i * 10 - (i % 7) * 300)
    const ranges = [{ partition: 'p', from: 0, to: times.length }]
    const rules = { delayMs: 5000, maxAheadMs: always, windows: [minute], horizon: -5000, maxTime: () => -3000 }
    const timestamps = new Float64Array(times.length).fill(-1)
    expect(suspectChunks({ times, timestamps, ranges, chunks: summaryOf(times, ranges) }, rules)).toEqual([])
  })
})

/** What the database would say of the chunks; those that ranges share are known. */
function summaryOf(times: Float64Array, ranges: readonly RowRange[]) {
  const count = Math.ceil(times.length / CHUNK_ROWS)
  const rowsOf = (chunk: number) => times.subarray(chunk * CHUNK_ROWS, (chunk + 1) * CHUNK_ROWS)
  const known = new Uint8Array(count)
  for (const chunk of sharedChunks(ranges)) known[chunk] = 1
  return {
    lowest: Float64Array.from({ length: count }, (_, chunk) => Math.min(...rowsOf(chunk))),
    highest: Float64Array.from({ length: count }, (_, chunk) => {
      return Math.max(...rowsOf(chunk).filter((time) => !Number.isNaN(time)))
    }),
    known,
  }
}

/** Times of other rows must not matter. */
function onlyKnown(times: Float64Array, known: Uint8Array): Float64Array {
  return times.map((time, row) => (known[Math.floor(row / CHUNK_ROWS)] === 1 ? time : Number.NaN))
}
