/** Every so many bytes of a segment have an entry. Between entries batch headers are read one after the other. */
const INTERVAL_BYTES = 32 * 1024

/** An index as it is kept in a file. */
export interface IndexEntries {
  readonly offsets: readonly number[]
  readonly positions: readonly number[]
  readonly timestamps: readonly number[]
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
  #maxTimestamp = -1

  constructor(entries: IndexEntries = { offsets: [], positions: [], timestamps: [] }) {
    this.#offsets = [...entries.offsets]
    this.#positions = [...entries.positions]
    this.#timestamps = [...entries.timestamps]
    this.#nextEntryAt = (this.#positions.at(-1) ?? -INTERVAL_BYTES) + INTERVAL_BYTES
  }

  get entries(): IndexEntries {
    return { offsets: this.#offsets, positions: this.#positions, timestamps: this.#timestamps }
  }

  /** Notes a batch, in the order of the file. */
  add(baseOffset: number, position: number, maxTimestamp: number): void {
    if (position >= this.#nextEntryAt) {
      this.#offsets.push(baseOffset)
      this.#positions.push(position)
      this.#timestamps.push(this.#maxTimestamp)
      this.#nextEntryAt = position + INTERVAL_BYTES
    }
    this.#maxTimestamp = Math.max(this.#maxTimestamp, maxTimestamp)
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
