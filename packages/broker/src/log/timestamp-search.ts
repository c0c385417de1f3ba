import { BatchHeader } from '../protocol/index.ts'
import { unpackRecords, walkRecords } from './record-walk.ts'
import type { SegmentList } from './segment-list.ts'

export interface TimedOffset {
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
}

/** The first record of `timestamp` or later, at `startOffset` or beyond. */
export async function recordAtTime(
  segments: SegmentList,
  timestamp: number,
  startOffset: number,
): Promise<TimedOffset | undefined> {
  // The list may change while a segment is read.
  for (const segment of [...segments.all]) {
    let batch = await segment.batchAtTime(timestamp, startOffset)
    while (batch) {
      const found = findRecord(batch, (record) => record.timestamp >= timestamp && record.offset >= startOffset)
      if (found) return found
      // The header's latest time was that of a record before the start, or no record's at all.
      batch = await segment.batchAtTime(timestamp, new BatchHeader().at(batch, 0).lastOffset + 1)
    }
    if (segment.isGone) return recordAtTime(segments, timestamp, startOffset)
  }
  return undefined
}

/** The record in `batch` with the latest timestamp, the first of several. */
export function latestRecord(batch: Buffer): TimedOffset {
  const { maxTimestamp, lastOffset } = new BatchHeader().at(batch, 0)
  const latest = findRecord(batch, (record) => record.timestamp === maxTimestamp)
  return latest ?? { offset: lastOffset, timestamp: maxTimestamp }
}

function findRecord(batch: Buffer, matches: (record: TimedOffset) => boolean): TimedOffset | undefined {
  const header = new BatchHeader().at(batch, 0)
  const { baseOffset, baseTimestamp, maxTimestamp, recordsCount, timestampType } = header
  let found: TimedOffset | undefined
  walkRecords(unpackRecords(header), recordsCount, ({ offsetDelta, timestampDelta }) => {
    // The time of arrival is that of the whole batch: its records still say what their producer gave them.
    const timestamp = timestampType === 'LogAppendTime' ? maxTimestamp : baseTimestamp + timestampDelta
    const record = { offset: baseOffset + offsetDelta, timestamp }
    if (!matches(record)) return true
    found = record
    return false
  })
  return found
}
