/** Every so many bytes of a segment have an entry. Between entries batch headers are read one after the other. */
const INTERVAL_BYTES = 32 * 1024

/** An index as it is kept in a file. */
interface IndexEntries {
  readonly offsets: readonly number[]
  readonly positions: readonly number[]
  readonly timestamps: readonly number[]
}

/** What an index knows once batches have been noted. */
export interface IndexState {
  readonly index: IndexEntries
  /** The latest timestamp of all records, -1 where there are none. */
  readonly maxTimestamp: number
  /** The base offset of the batch that has it. */
  readonly maxTimestampOffset: number
}

export const EMPTY_INDEX: IndexState = {
  index: { offsets: [], positions: [], timestamps: [] },
  maxTimestamp: -1,
  maxTimestampOffset: -1,
}

/**
 * Where in a segment file a batch lies, by offset and by time. Entry i: the batch with base offset `offsets[i]` begins at byte
 * `positions[i]`, and no batch before it has a record later than `timestamps[i]`.
 */
export class OffsetIndex {
  readonly #offsets: number[]
  readonly #positions: number[]
  readonly #timestamps: number[]
  #nextEntryAt = 0
  #maxTimestamp: number
  #maxTimestampOffset: number

  constructor({ index, maxTimestamp, maxTimestampOffset }: IndexState) {
    this.#offsets = [...index.offsets]
    this.#positions = [...index.positions]
    this.#timestamps = [...index.timestamps]
    this.#nextEntryAt = (this.#positions.at(-1) ?? -INTERVAL_BYTES) + INTERVAL_BYTES
    // What is noted from here on gets entries that speak of all that lies before, not only of what has come since.
    this.#maxTimestamp = maxTimestamp
    this.#maxTimestampOffset = maxTimestampOffset
  }

  get state(): IndexState {
    const index = { offsets: this.#offsets, positions: this.#positions, timestamps: this.#timestamps }
    return { index, maxTimestamp: this.#maxTimestamp, maxTimestampOffset: this.#maxTimestampOffset }
  }

  /** As in `IndexState`. */
  get maxTimestamp(): number {
    return this.#maxTimestamp
  }
  get maxTimestampOffset(): number {
    return this.#maxTimestampOffset
  }

  /** Notes a batch, in the order of the file. */
  add(baseOffset: number, position: number, maxTimestamp: number): void {
    if (position >= this.#nextEntryAt) {
      this.#offsets.push(baseOffset)
      this.#positions.push(position)
      this.#timestamps.push(this.#maxTimestamp)
      this.#nextEntryAt = position + INTERVAL_BYTES
    }
    if (maxTimestamp <= this.#maxTimestamp) return
    this.#maxTimestamp = maxTimestamp
    this.#maxTimestampOffset = baseOffset
  }

  /** A position at or before the batch that holds `offset`, where a batch begins. */
  positionBefore(offset: number): number {
    return this.#positions[lastAtMost(this.#offsets, offset)] ?? 0
  }

  /** A position at or before the first batch that has a record of `timestamp` or later. */
  positionBeforeTime(timestamp: number): number {
    // The entry's time is that of what lies before it: all of that is too early while it stays below.
    return this.#positions[lastAtMost(this.#timestamps, timestamp - 1)] ?? 0
  }
}

/** The index of the last of the ascending `values` that is ≤ `limit`, or -1. */
function lastAtMost(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? Number.POSITIVE_INFINITY) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
