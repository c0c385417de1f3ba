import type { EpochRecords } from '../model/index.ts'
import type { RejectedRecord } from './decoder.ts'
import { RecordEmptyError, RecordMalformedError } from './errors.ts'
import { reject } from './reasons.ts'

/** A zero byte and the schema's id. */
export const FRAME_BYTES = 5

/** What the framing of an epoch's records says. */
interface Frames {
  /** The schema's id of each record; −1 for one that is rejected. */
  readonly ids: Int32Array
  /** Ascending. */
  readonly rejected: readonly RejectedRecord[]
}

/** The schema id that each value begins with: a zero byte, then four bytes, big-endian. */
export function readFrames(records: EpochRecords): Frames {
  const ids = new Int32Array(records.count).fill(-1)
  const rejected: RejectedRecord[] = []
  for (let record = 0; record < records.count; record++) {
    const value = records.value(record)
    if (value === null) rejected.push(reject(RecordEmptyError, record, 'the record has no value (a tombstone)'))
    else if (value.length < FRAME_BYTES || value[0] !== 0) {
      const reason = value.length === 0 ? 'the value is empty' : 'it does not begin with a zero byte and a schema id'
      rejected.push(reject(value.length === 0 ? RecordEmptyError : RecordMalformedError, record, reason))
    } else ids[record] = new DataView(value.buffer, value.byteOffset, value.length).getInt32(1)
  }
  return { ids, rejected }
}
