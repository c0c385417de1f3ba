import type { Position } from './position.ts'

/**
 * Byte strings end to end in one buffer, each followed by one newline (0x0A).
 *
 * String i is `data[start … ends[i])` with `start = i === 0 ? 0 : ends[i - 1] + 1`; the byte at `ends[i]` is the newline.
 * So a block of one-line JSON values is NDJSON as it stands and can be handed on without copying; a value may contain
 * newlines of its own, which is why `ends`, not the newlines, says where a value ends.
 */
export interface Bytes {
  readonly data: Uint8Array
  readonly ends: Uint32Array
  /** 1 where the string is null (its length is then 0); absent when none is. */
  readonly nulls?: Uint8Array
}

/** A header of a record. Keys may come more than once, and their order counts. */
export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** Records of one partition, in order, in one pooled buffer: no object per record. */
export interface RecordBlock {
  readonly partition: string
  /** Where to go on after the last record of this block. */
  readonly next: Position
  /** How many records; `ends`, `ordinals` and `timestamps` may be longer (pooled) and count only up to here. */
  readonly count: number
  readonly values: Bytes
  /** Present when the pipeline asked for keys. */
  readonly keys?: Bytes
  /** Order within the partition (Kafka: the offset). Whole numbers below 2^53. */
  readonly ordinals: Float64Array
  /** An id wider than an ordinal, where the source has one (Kinesis: sequence and sub-sequence). */
  readonly sourceIds?: Bytes
  /** The record's own timestamp, in ms since the Unix epoch; negative where it has none. */
  readonly timestamps: Float64Array
  /** The headers of a record of this block, by its number. Present when the pipeline asked for them and the source has such. */
  readonly headersOf?: (record: number) => readonly RecordHeader[]
  /** Where each record's timestamp comes from: 0 its producer, 1 the broker's clock. Present when asked for. */
  readonly timestampTypes?: Uint8Array
  /** The epoch of the leader that took each record; −1 where none is known. Present when asked for. */
  readonly leaderEpochs?: Int32Array
  /** Gives the buffers back to their pool. Nothing of the block may be touched afterwards. Called exactly once. */
  release(): void
}

/** Where string i of `bytes` begins. */
export function startOf(bytes: Bytes, i: number): number {
  return i === 0 ? 0 : (bytes.ends[i - 1] as number) + 1
}

/** String i of `bytes`, or null: a view, valid until the block is released. */
export function valueAt(bytes: Bytes, i: number): Uint8Array | null {
  if (bytes.nulls !== undefined && bytes.nulls[i] === 1) return null
  return bytes.data.subarray(startOf(bytes, i), bytes.ends[i])
}

/** How many bytes the first `count` strings take, newlines included. */
export function byteLength(bytes: Bytes, count: number): number {
  return count === 0 ? 0 : (bytes.ends[count - 1] as number) + 1
}

/** A copy of string i of `bytes` that outlives the block, or null. */
export function copyOf(bytes: Bytes, i: number): Uint8Array | null {
  const view = valueAt(bytes, i)
  return view === null ? null : new Uint8Array(view)
}
