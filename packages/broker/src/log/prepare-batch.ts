import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  BatchHeader,
  CODECS,
  compress,
  KafkaError,
  writeInt64,
} from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import type { LogSettings, TimestampSettings } from './log-settings.ts'
import { assertBatchSize } from './plan-append.ts'
import { unpackRecords, walkRecords } from './record-walk.ts'

/**
 * A checked batch of a client as it is to be kept: with most settings the very bytes that came; otherwise with the time of arrival (`now`, ms
 * since the epoch), or in another codec. Throws INVALID_TIMESTAMP, INVALID_RECORD, MESSAGE_TOO_LARGE where it is that in another codec or
 * unpacked, or CORRUPT_MESSAGE where records have to be looked at and are not what they claim.
 */
export function prepareBatch(records: Buffer, settings: LogSettings, now: number): Buffer {
  const { timestamps, compression, compacts } = settings
  const batch = new BatchHeader().at(records, 0)
  if (batch.isControl) return records
  if (timestamps.type === 'CreateTime') checkTimestamps(batch, timestamps, now)
  if (compacts) checkKeys(batch)
  const isRecoded = compression.codec !== 'producer' && CODECS[batch.codecId] !== compression.codec
  const kept = isRecoded ? recode(batch, compression) : records
  // As in Kafka, it has to be small enough as it came and as it is kept.
  if (isRecoded) assertBatchSize(kept.length, settings.maxBatchBytes)
  if (timestamps.type === 'LogAppendTime') stamp(kept, now)
  else if (isRecoded) seal(kept)
  return kept
}

// The header gives the latest time and the first: a look at each record is needed only where the first may not be the earliest.
function checkTimestamps(batch: BatchHeader, { beforeMaxMs, afterMaxMs }: TimestampSettings, now: number): void {
  if (batch.timestampType === 'LogAppendTime')
    throw new KafkaError('INVALID_TIMESTAMP', 'a producer must not say that its times are those of arrival')
  if (batch.maxTimestamp > now + afterMaxMs)
    throw new KafkaError('INVALID_TIMESTAMP', `the time ${batch.maxTimestamp} is more than ${afterMaxMs} ms ahead`)
  if (now - beforeMaxMs <= 0) return
  const { baseTimestamp } = batch
  walkRecords(unpackRecords(batch), batch.recordsCount, ({ timestampDelta }) => {
    if (baseTimestamp + timestampDelta < now - beforeMaxMs)
      throw new KafkaError(
        'INVALID_TIMESTAMP',
        `the time ${baseTimestamp + timestampDelta} is more than ${beforeMaxMs} ms ago`,
      )
  })
}

function checkKeys(batch: BatchHeader): void {
  walkRecords(unpackRecords(batch), batch.recordsCount, ({ keyBytes }) => {
    if (keyBytes < 0) throw new KafkaError('INVALID_RECORD', 'a compacted topic takes no record without a key')
  })
}

/** The same batch in another codec, its CRC yet to be written. */
function recode(batch: BatchHeader, { codec, level }: LogSettings['compression']): Buffer {
  const wanted = codec === 'producer' ? 'none' : codec
  const packed = compress(wanted, unpackRecords(batch), level)
  const recoded = Buffer.allocUnsafe(BATCH_HEADER_BYTES + packed.length)
  batch.buffer.copy(recoded, 0, batch.position, batch.position + BATCH_HEADER_BYTES)
  packed.copy(recoded, BATCH_HEADER_BYTES)
  recoded.writeInt32BE(recoded.length - BATCH_PREFIX_BYTES, BATCH_FIELD.batchLength)
  const attributes = (batch.attributes & ~BATCH_ATTRIBUTE.codec) | CODECS.indexOf(wanted)
  recoded.writeInt16BE(attributes, BATCH_FIELD.attributes)
  return recoded
}

/** Gives all records of a batch the time of arrival; their deltas stay and do not count any more. */
function stamp(batch: Buffer, now: number): void {
  batch.writeInt16BE(new BatchHeader().at(batch, 0).attributes | BATCH_ATTRIBUTE.logAppendTime, BATCH_FIELD.attributes)
  writeInt64(batch, now, BATCH_FIELD.maxTimestamp)
  seal(batch)
}

function seal(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch.subarray(BATCH_FIELD.attributes)), BATCH_FIELD.crc)
}
