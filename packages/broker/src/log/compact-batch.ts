import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  type BatchHeader,
  CODECS,
  compress,
  varintBytes,
  writeInt64,
  writeVarint,
} from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { unpackRecords, type WalkedRecord, walkRecords } from './record-walk.ts'

/** Set where a batch's base timestamp is the time from which its tombstones may be dropped (KIP-534). */
const HAS_DELETE_HORIZON = 0x40

const ATTRIBUTES_BYTES = 1

export interface BatchCompaction {
  /** Whether a record is the latest of its key. Asked with the key and the record's offset. */
  readonly isLatest: (key: Buffer, offset: number) => boolean
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly deleteRetentionMs: number
}

/** The batch without the records that later ones replace, and without tombstones whose time is up; undefined where none is left. */
export function compactBatch(batch: BatchHeader, options: BatchCompaction): Buffer | undefined {
  const { now, isLatest, deleteRetentionMs } = options
  const records = unpackRecords(batch)
  const horizon = (batch.attributes & HAS_DELETE_HORIZON) === 0 ? undefined : batch.baseTimestamp
  const tombstonesGo = horizon !== undefined && now >= horizon
  const kept: WalkedRecord[] = []
  walkRecords(records, batch.recordsCount, (record) => {
    if (record.keyBytes < 0 || (tombstonesGo && record.valueBytes < 0)) return
    const key = records.subarray(record.keyStart, record.keyStart + record.keyBytes)
    if (isLatest(key, batch.baseOffset + record.offsetDelta)) kept.push({ ...record })
  })
  if (kept.length === 0) return undefined
  const needsHorizon = horizon === undefined && kept.some(({ valueBytes }) => valueBytes < 0)
  if (kept.length === batch.recordsCount && !needsHorizon) return bytesOf(batch)
  return rebuilt(batch, records, kept, needsHorizon ? now + deleteRetentionMs : horizon)
}

function bytesOf(batch: BatchHeader): Buffer {
  return batch.buffer.subarray(batch.position, batch.recordsEnd)
}

// Offsets, sequences and the rest of the header stay, so that what is left means what it meant.
function rebuilt(
  batch: BatchHeader,
  records: Buffer,
  kept: readonly WalkedRecord[],
  horizon: number | undefined,
): Buffer {
  const baseTimestamp = horizon ?? batch.baseTimestamp
  const shiftMs = batch.baseTimestamp - baseTimestamp
  const packed = compress(CODECS[batch.codecId] ?? 'none', joined(records, kept, shiftMs))
  const result = Buffer.allocUnsafe(BATCH_HEADER_BYTES + packed.length)
  batch.buffer.copy(result, 0, batch.position, batch.position + BATCH_HEADER_BYTES)
  packed.copy(result, BATCH_HEADER_BYTES)
  result.writeInt32BE(result.length - BATCH_PREFIX_BYTES, BATCH_FIELD.batchLength)
  result.writeInt16BE(batch.attributes | (horizon === undefined ? 0 : HAS_DELETE_HORIZON), BATCH_FIELD.attributes)
  writeInt64(result, baseTimestamp, BATCH_FIELD.baseTimestamp)
  const arrival = (batch.attributes & BATCH_ATTRIBUTE.logAppendTime) !== 0
  const latest = kept.reduce((max, { timestampDelta }) => Math.max(max, timestampDelta), Number.NEGATIVE_INFINITY)
  if (!arrival) writeInt64(result, batch.baseTimestamp + latest, BATCH_FIELD.maxTimestamp)
  result.writeInt32BE(kept.length, BATCH_FIELD.recordsCount)
  result.writeUInt32BE(crc32c(result.subarray(BATCH_FIELD.attributes)), BATCH_FIELD.crc)
  return result
}

/** The kept records end to end, their times counted from another base. */
function joined(records: Buffer, kept: readonly WalkedRecord[], shiftMs: number): Buffer {
  if (shiftMs === 0) return Buffer.concat(kept.map(({ start, end }) => records.subarray(start, end)))
  return Buffer.concat(kept.map((record) => shifted(records, record, shiftMs)))
}

function shifted(records: Buffer, { timestampDelta, offsetDelta, fieldsStart, end }: WalkedRecord, shiftMs: number) {
  const delta = timestampDelta + shiftMs
  const fieldsBytes = end - fieldsStart
  const bytes = ATTRIBUTES_BYTES + varintBytes(delta) + varintBytes(offsetDelta) + fieldsBytes
  const record = Buffer.allocUnsafe(varintBytes(bytes) + bytes)
  let position = writeVarint(record, bytes, 0)
  record[position++] = 0
  position = writeVarint(record, delta, position)
  position = writeVarint(record, offsetDelta, position)
  records.copy(record, position, fieldsStart, end)
  return record
}
