import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { BATCH_HEADER_BYTES, BatchHeader, CODECS, VarintCursor } from '../protocol/index.ts'

export interface TimedOffset {
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
}

/**
 * The first record in `batch` of `timestamp` or later, at `startOffset` or beyond. A batch compressed with a codec that Node lacks (snappy,
 * lz4) answers with its first record: a reader that starts there misses nothing.
 */
export function recordAtTime(batch: Buffer, timestamp: number, startOffset: number): TimedOffset | undefined {
  const timed = recordTimes(batch)
  if (timed === undefined) return firstRecord(batch, startOffset)
  return timed.find((record) => record.timestamp >= timestamp && record.offset >= startOffset)
}

/** The record in `batch` with the latest timestamp, the first of several; for codecs that Node lacks, its last record. */
export function latestRecord(batch: Buffer): TimedOffset {
  const header = new BatchHeader().at(batch, 0)
  const { maxTimestamp, lastOffset } = header
  return (
    recordTimes(batch)?.find((record) => record.timestamp === maxTimestamp) ?? {
      offset: lastOffset,
      timestamp: maxTimestamp,
    }
  )
}

function firstRecord(batch: Buffer, startOffset: number): TimedOffset {
  const header = new BatchHeader().at(batch, 0)
  return { offset: Math.max(header.baseOffset, startOffset), timestamp: header.baseTimestamp }
}

function recordTimes(batch: Buffer): TimedOffset[] | undefined {
  const header = new BatchHeader().at(batch, 0)
  const records = decompressed(header)
  if (records === undefined) return undefined
  const { baseOffset, baseTimestamp, recordsCount } = header
  const cursor = new VarintCursor(records)
  return Array.from({ length: recordsCount }, () => {
    const length = cursor.next()
    const next = cursor.position + length
    cursor.position++
    const timestamp = baseTimestamp + cursor.next()
    const offset = baseOffset + cursor.next()
    cursor.position = next
    return { offset, timestamp }
  })
}

function decompressed(header: BatchHeader): Buffer | undefined {
  const records = header.buffer.subarray(header.position + BATCH_HEADER_BYTES, header.recordsEnd)
  switch (CODECS[header.codecId]) {
    case 'none':
      return records
    case 'gzip':
      return gunzipSync(records)
    case 'zstd':
      return zstdDecompressSync(records)
    default:
      return undefined
  }
}
