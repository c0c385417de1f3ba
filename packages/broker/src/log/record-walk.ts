import {
  type BatchHeader,
  CODECS,
  decompress,
  KafkaError,
  UnpackedTooLargeError,
  VarintCursor,
} from '../protocol/index.ts'

/** One record within the bytes of a batch's records, which have no codec. Valid until the walk goes on. */
export interface WalkedRecord {
  /** Where the record begins, at its length, and the byte after its last. */
  start: number
  end: number
  /** Milliseconds after the batch's base timestamp, and offsets after its base offset. */
  timestampDelta: number
  offsetDelta: number
  /** Where the fields behind the offset begin: key, value, headers, each behind its length. */
  fieldsStart: number
  keyStart: number
  /** -1 where the record has no key. */
  keyBytes: number
  /** -1 where the record has no value: then it is a tombstone. */
  valueBytes: number
}

/** The records of a batch without their codec. Throws CORRUPT_MESSAGE where they cannot be unpacked, MESSAGE_TOO_LARGE where they may not. */
export function unpackRecords(batch: BatchHeader): Buffer {
  const packed = batch.buffer.subarray(batch.recordsStart, batch.recordsEnd)
  const codec = CODECS[batch.codecId]
  if (codec === undefined)
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `compression codec ${batch.codecId} is not known`)
  try {
    return decompress(codec, packed)
  } catch (cause) {
    if (cause instanceof UnpackedTooLargeError)
      throw new KafkaError('MESSAGE_TOO_LARGE', `the record batch is too large: ${cause.message}`)
    throw new KafkaError('CORRUPT_MESSAGE', `the records cannot be decompressed with ${codec}: ${String(cause)}`)
  }
}

/**
 * Visits each of `count` records, always with the same object; `visit` stops the walk by returning false. Throws CORRUPT_MESSAGE where the
 * bytes are not so many records.
 */
export function walkRecords(records: Buffer, count: number, visit: (record: WalkedRecord) => unknown): void {
  const cursor = new VarintCursor(records)
  const record: WalkedRecord = {
    start: 0,
    end: 0,
    timestampDelta: 0,
    offsetDelta: 0,
    fieldsStart: 0,
    keyStart: 0,
    keyBytes: -1,
    valueBytes: -1,
  }
  try {
    for (let index = 0; index < count; index++) {
      readRecord(cursor, record, records.length)
      if (visit(record) === false) return
      cursor.position = record.end
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new KafkaError('CORRUPT_MESSAGE', `the batch does not hold its ${count} records: ${cause.message}`)
  }
}

function readRecord(cursor: VarintCursor, record: WalkedRecord, limit: number): void {
  record.start = cursor.position
  const bytes = cursor.next()
  record.end = cursor.position + bytes
  if (bytes < 0 || record.end > limit) throw new RangeError(`a record of ${bytes} bytes`)
  cursor.position++
  record.timestampDelta = cursor.next()
  record.offsetDelta = cursor.next()
  record.fieldsStart = cursor.position
  record.keyBytes = cursor.next()
  record.keyStart = cursor.position
  cursor.position += Math.max(record.keyBytes, 0)
  record.valueBytes = cursor.next()
  if (cursor.position + Math.max(record.valueBytes, 0) > record.end) throw new RangeError('a value that is cut off')
}
