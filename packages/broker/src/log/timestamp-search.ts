import { BatchHeader } from '../protocol/index.ts'
import { unpackRecords, walkRecords } from './record-walk.ts'

export interface TimedOffset {
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
}

/** The first record in `batch` of `timestamp` or later, at `startOffset` or beyond. */
export function recordAtTime(batch: Buffer, timestamp: number, startOffset: number): TimedOffset | undefined {
  return findRecord(batch, (record) => record.timestamp >= timestamp && record.offset >= startOffset)
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
