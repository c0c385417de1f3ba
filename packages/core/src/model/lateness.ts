import type { TumblingWindow } from './plan.ts'

/** Rows `from` (inclusive) to `to` (exclusive) of an epoch's input, all of one partition and in its order. */
export interface RowRange {
  readonly partition: string
  readonly from: number
  readonly to: number
}

/** Times further than this from 1970 (274,500 years) are of no window: DuckDB's and JavaScript's arithmetic end soon after. */
export const LAST_TIME_MS = 8.6e15

export interface EpochTimes {
  /** Event time of each input row in ms; NaN where it is null. */
  readonly times: Float64Array
  /** The record's own timestamp of each row in ms; negative where the record has none. */
  readonly timestamps: Float64Array
  readonly ranges: readonly RowRange[]
}

export interface LatenessRules {
  readonly delayMs: number
  readonly maxAheadMs: number
  readonly windows: readonly TumblingWindow[]
  /** Windows that end at or before this (less 1 ms) have fired. */
  readonly horizon: number
  /** Highest event time of a partition before this epoch; −∞ for none. */
  readonly maxTime: (partition: string) => number
}

export interface Judgement {
  /** Rows without an event time. */
  readonly missing: readonly number[]
  /** Rows whose event time lies too far beyond the record's own timestamp. They move no watermark. */
  readonly ahead: readonly number[]
  /** For each window, the rows that come too late for it by their partition's watermark, ascending. */
  readonly late: readonly (readonly number[])[]
  /** For each window, the rows that are late only because the window has fired already. */
  readonly behindHorizon: readonly (readonly number[])[]
  /** Highest event time of each partition after its rows. */
  readonly maxTimes: ReadonlyMap<string, number>
}

/** When the tumbling window that holds `time` ends, in ms (exclusive). */
export function windowEnd(window: TumblingWindow, time: number): number {
  return Math.floor((time - window.offsetMs) / window.sizeMs) * window.sizeMs + window.offsetMs + window.sizeMs
}

/**
 * Judges every row in its partition's own order, so that the answer depends on the stream alone, never on how it was cut
 * into epochs: a row is late for a window when the highest time seen before it, less the delay, has reached the window's
 * end less 1 ms. Rows of windows that have fired are late whatever their partition says.
 */
export function judge({ times, timestamps, ranges }: EpochTimes, rules: LatenessRules): Judgement {
  const missing: number[] = []
  const ahead: number[] = []
  const late: number[][] = rules.windows.map(() => [])
  const behindHorizon: number[][] = rules.windows.map(() => [])
  const maxTimes = new Map<string, number>()
  const { delayMs, maxAheadMs, windows, horizon } = rules
  for (const { partition, from, to } of ranges) {
    let maxTime = Math.max(rules.maxTime(partition), maxTimes.get(partition) ?? Number.NEGATIVE_INFINITY)
    for (let row = from; row < to; row++) {
      const time = times[row] as number
      if (!(time >= -LAST_TIME_MS)) {
        missing.push(row)
        continue
      }
      const timestamp = timestamps[row] as number
      if ((timestamp >= 0 && time > timestamp + maxAheadMs) || time > LAST_TIME_MS) {
        ahead.push(row)
        continue
      }
      // A window ends after every time in it, so a row that is not behind either bound cannot be late.
      if (time <= maxTime - delayMs || time <= horizon) {
        for (let w = 0; w < windows.length; w++) {
          const lastMs = windowEnd(windows[w] as TumblingWindow, time) - 1
          if (lastMs <= maxTime - delayMs) (late[w] as number[]).push(row)
          else if (lastMs <= horizon) (behindHorizon[w] as number[]).push(row)
        }
      }
      if (time > maxTime) maxTime = time
    }
    if (Number.isFinite(maxTime)) maxTimes.set(partition, maxTime)
  }
  return { missing, ahead, late, behindHorizon, maxTimes }
}
