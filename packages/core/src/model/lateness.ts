import type { TumblingWindow } from './plan.ts'

/** Rows `from` (inclusive) to `to` (exclusive) of an epoch's input, all of one partition and in its order. */
export interface RowRange {
  readonly partition: string
  readonly from: number
  readonly to: number
}

/** Times further than this from 1970 (274,500 years) are of no window: DuckDB's and JavaScript's arithmetic end soon after. */
export const LAST_TIME_MS = 8.6e15

/** Rows that are looked at together: nearly always their lowest and highest times say all. */
export const CHUNK_ROWS = 128

/** The rows from `chunk · CHUNK_ROWS` on, by chunk. */
export interface ChunkTimes {
  /** Lowest event time, ms; NaN where some row has none. */
  readonly lowest: Float64Array
  readonly highest: Float64Array
  /** 1 where each row's own time is known. */
  readonly known: Uint8Array
}

export interface EpochTimes {
  /** Event time of each input row in ms; NaN where it is null. Only those of known chunks count. */
  readonly times: Float64Array
  /** All rows are known without. */
  readonly chunks?: ChunkTimes
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
export function judge({ times, timestamps, ranges, chunks }: EpochTimes, rules: LatenessRules): Judgement {
  const missing: number[] = []
  const ahead: number[] = []
  const late: number[][] = rules.windows.map(() => [])
  const behindHorizon: number[][] = rules.windows.map(() => [])
  const maxTimes = new Map<string, number>()
  const { delayMs, maxAheadMs, windows, horizon } = rules
  for (const { partition, from, to } of ranges) {
    let maxTime = Math.max(rules.maxTime(partition), maxTimes.get(partition) ?? Number.NEGATIVE_INFINITY)
    for (let row = from; row < to; row++) {
      if (chunks !== undefined && row % CHUNK_ROWS === 0 && chunks.known[row / CHUNK_ROWS] === 0) {
        maxTime = Math.max(maxTime, chunks.highest[row / CHUNK_ROWS] as number)
        row += CHUNK_ROWS - 1
        continue
      }
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

/** Chunks that belong to more than one range of rows: their times must be known to be judged. */
export function sharedChunks(ranges: readonly RowRange[]): number[] {
  const shared = new Set<number>()
  for (const { from } of ranges) if (from % CHUNK_ROWS !== 0) shared.add(Math.floor(from / CHUNK_ROWS))
  return [...shared]
}

/**
 * Chunks among those not known that may hold a row which is missing, ahead or late: they must be made known before `judge`.
 * The others hold none: their lowest time is above both bounds, even if the highest that was seen so far is not counted in
 * the end because it is ahead.
 */
export function suspectChunks({ times, timestamps, ranges, chunks }: EpochTimes, rules: LatenessRules): number[] {
  const suspects: number[] = []
  if (chunks === undefined) return suspects
  const bounds = new Map<string, number>()
  for (const { partition, from, to } of ranges) {
    let bound = bounds.get(partition) ?? rules.maxTime(partition)
    for (let chunk = Math.floor(from / CHUNK_ROWS); chunk * CHUNK_ROWS < to; chunk++) {
      if (chunks.known[chunk] === 1) {
        // The chunk may be shared: only this range's rows move its bound.
        const end = Math.min(to, (chunk + 1) * CHUNK_ROWS)
        for (let row = Math.max(from, chunk * CHUNK_ROWS); row < end; row++) {
          if ((times[row] as number) > bound) bound = times[row] as number
        }
        continue
      }
      const lowest = chunks.lowest[chunk] as number
      const highest = chunks.highest[chunk] as number
      if (highest > bound) bound = highest
      const isPlain =
        lowest > bound - rules.delayMs &&
        lowest > rules.horizon &&
        lowest >= -LAST_TIME_MS &&
        highest <= LAST_TIME_MS &&
        highest <= lowestTimestamp(timestamps, chunk) + rules.maxAheadMs
      if (!isPlain) suspects.push(chunk)
    }
    bounds.set(partition, bound)
  }
  return suspects
}

/** Infinity where no record of the chunk has one. */
function lowestTimestamp(timestamps: Float64Array, chunk: number): number {
  let lowest = Number.POSITIVE_INFINITY
  const to = Math.min(timestamps.length, (chunk + 1) * CHUNK_ROWS)
  for (let row = chunk * CHUNK_ROWS; row < to; row++) {
    const timestamp = timestamps[row] as number
    if (timestamp >= 0 && timestamp < lowest) lowest = timestamp
  }
  return lowest
}
