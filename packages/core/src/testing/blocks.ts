import type { Bytes, RecordBlock } from '../model/index.ts'

export type TestValue = string | Uint8Array | null

export interface TestBlockOptions {
  readonly partition?: string
  /** The first record's ordinal; the others follow one by one. */
  readonly firstOrdinal?: number
  /** The first record's timestamp in ms; the others follow 1 ms apart. */
  readonly firstTimestamp?: number
  /** Every record's timestamp in ms, instead. */
  readonly timestamps?: readonly number[]
  readonly keys?: readonly TestValue[]
}

/** A block as a source would give it: values end to end, each with its newline. Its position is the next ordinal. */
export function blockOf(values: readonly TestValue[], options: TestBlockOptions = {}): RecordBlock {
  const { partition = '0', firstOrdinal = 0, firstTimestamp = 0, timestamps, keys } = options
  return {
    partition,
    next: firstOrdinal + values.length,
    count: values.length,
    values: bytesOf(values),
    ...(keys === undefined ? {} : { keys: bytesOf(keys) }),
    ordinals: Float64Array.from(values, (_, i) => firstOrdinal + i),
    timestamps: Float64Array.from(timestamps ?? values.map((_, i) => firstTimestamp + i)),
    release() {},
  }
}

/** Strings (as UTF-8), byte strings and nulls in the layout of `Bytes`. */
export function bytesOf(values: readonly TestValue[]): Bytes {
  const parts = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))))
  const ends = new Uint32Array(parts.length)
  const nulls = new Uint8Array(parts.length)
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length + 1, 0))
  let at = 0
  parts.forEach((part, i) => {
    data.set(part, at)
    at += part.length
    data[at] = 0x0a
    ends[i] = at++
    if (values[i] === null) nulls[i] = 1
  })
  return nulls.includes(1) ? { data, ends, nulls } : { data, ends }
}
