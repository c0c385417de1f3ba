import { afterVarint, readVarint } from '@headrace/broker/protocol'
import type { BlockBuffers, BytesBuffer } from './block-buffers.ts'
import { MalformedRecordsError } from './malformed-records.ts'

/** Strings up to here are copied word by word in JavaScript, which is faster than a call of `Buffer.copy`. */
const WORD_COPY_BYTES = 512

/** The uncompressed records of a batch, and what its header says about them. */
export interface BatchRecords {
  /** What the records lie in, from `start` to `end`. */
  readonly buffer: Buffer
  /** The same bytes. */
  readonly view: DataView
  readonly start: number
  readonly end: number
  readonly count: number
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** The time that the broker gave all of them; undefined where each has its producer's. */
  readonly appendTime: number | undefined
  /** −1: not known. */
  readonly leaderEpoch: number
}

/**
 * Appends the records of a batch from offset `from` on to `block`, which has room for them: one copy of each value, no
 * object per record. Headers are taken as they are, where they are wanted. Throws `MalformedRecordsError`; the block is then worthless.
 *
 * Record => length:varint attributes:int8 timestampDelta:varlong offsetDelta:varint
 *           keyLength:varint key valueLength:varint value headers
 */
export function copyRecords(records: BatchRecords, from: number, block: BlockBuffers): void {
  const { buffer, end, baseOffset, baseTimestamp, appendTime } = records
  const { values, keys, ordinals, timestamps, headers, timestampTypes, leaderEpochs } = block
  let position = records.start
  let index = block.count
  for (let remaining = records.count; remaining > 0; remaining--) {
    const length = readVarint(buffer, position)
    position = afterVarint
    const recordEnd = position + length
    if (length < 0 || recordEnd > end) throw new MalformedRecordsError('a record runs past the end of its batch')
    const timestampDelta = readVarint(buffer, position + 1)
    const offset = baseOffset + readVarint(buffer, afterVarint)
    const keyLength = readVarint(buffer, afterVarint)
    const keyStart = afterVarint
    const valueLength = readVarint(buffer, keyLength > 0 ? keyStart + keyLength : keyStart)
    const valueStart = afterVarint
    if (keyLength < -1 || valueLength < -1 || valueStart + Math.max(valueLength, 0) > recordEnd) {
      throw new MalformedRecordsError('a key or value runs past the end of its record')
    }
    position = recordEnd
    if (offset < from) continue
    append(values, index, records, valueStart, valueLength)
    if (keys !== undefined) append(keys, index, records, keyStart, keyLength)
    ordinals[index] = offset
    timestamps[index] = appendTime ?? baseTimestamp + timestampDelta
    if (headers !== undefined) {
      const headersStart = valueStart + Math.max(valueLength, 0)
      append(headers, index, records, headersStart, recordEnd - headersStart)
    }
    index++
  }
  if (position !== end) throw new MalformedRecordsError('bytes are left over after its last record')
  timestampTypes?.fill(appendTime === undefined ? 0 : 1, block.count, index)
  leaderEpochs?.fill(records.leaderEpoch, block.count, index)
  block.count = index
}

function append(target: BytesBuffer, index: number, source: BatchRecords, start: number, length: number): void {
  let to = target.length
  if (length > 0) {
    copyBytes(source, start, length, target, to)
    to += length
  } else if (length < 0) target.markNull(index)
  target.ends[index] = to
  target.data[to] = 0x0a
  target.length = to + 1
}

function copyBytes(source: BatchRecords, start: number, length: number, target: BytesBuffer, to: number): void {
  const end = start + length
  if (length > WORD_COPY_BYTES || end + 8 > source.buffer.length) {
    source.buffer.copy(target.data, to, start, end)
    return
  }
  const { view: from } = source
  const { view: into } = target
  // The last word may carry up to seven bytes too many; what is written next covers them.
  for (let position = start; position < end; position += 8, to += 8) {
    into.setBigInt64(to, from.getBigInt64(position, true), true)
  }
}
