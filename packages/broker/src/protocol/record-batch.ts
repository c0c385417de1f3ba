import { readInt64 } from './int64.ts'

/** Bytes before the records of a v2 batch. */
export const BATCH_HEADER_BYTES = 61

/** Bytes of `baseOffset` and `batchLength`, which `batchLength` does not count. */
export const BATCH_PREFIX_BYTES = 12

/** The only message format Kafka has written since 0.11, and the only one taken here. */
export const BATCH_MAGIC = 2

/** `producerId` of a batch whose producer is not idempotent. */
export const NO_PRODUCER_ID = -1

/** Where each field of a v2 batch lies, counted from the batch's first byte. The CRC covers everything from `attributes`. */
export const BATCH_FIELD = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordsCount: 57,
} as const

/** Bits of `attributes`. The lowest three are the codec. */
export const BATCH_ATTRIBUTE = { codec: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20 } as const

/** Kafka's compression codecs by their number in a batch's attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof CODECS)[number]

/** CRC-32C (Castagnoli) of `data`, as an unsigned 32-bit number. */
export type Crc32c = (data: Buffer) => number

/** Bytes that cannot be a v2 batch. `position` is the byte of the buffer where the batch would have begun. */
export class CorruptBatchError extends Error {
  readonly code = 'KAFKA_CORRUPT_BATCH'
  readonly position: number

  constructor(position: number, reason: string) {
    super(`the bytes at ${position} are not a record batch: ${reason}`)
    this.name = 'CorruptBatchError'
    this.position = position
  }
}

/** A movable view on one batch's header: fields are read where they lie, so a walk over many batches makes no objects. */
export class BatchHeader {
  buffer: Buffer = Buffer.alloc(0)
  position = 0

  /** Moves the view to the batch that begins at `position`; all 61 bytes of its header must be in `buffer`. */
  at(buffer: Buffer, position: number): this {
    this.buffer = buffer
    this.position = position
    return this
  }

  get baseOffset(): number {
    return readInt64(this.buffer, this.position + BATCH_FIELD.baseOffset)
  }
  get batchLength(): number {
    return this.buffer.readInt32BE(this.position + BATCH_FIELD.batchLength)
  }
  /** Bytes of the whole batch: header, records and the 12 bytes that `batchLength` leaves out. */
  get sizeBytes(): number {
    return this.batchLength + BATCH_PREFIX_BYTES
  }
  get partitionLeaderEpoch(): number {
    return this.buffer.readInt32BE(this.position + BATCH_FIELD.partitionLeaderEpoch)
  }
  get magic(): number {
    return this.buffer.readInt8(this.position + BATCH_FIELD.magic)
  }
  get crc(): number {
    return this.buffer.readUInt32BE(this.position + BATCH_FIELD.crc)
  }
  get attributes(): number {
    return this.buffer.readInt16BE(this.position + BATCH_FIELD.attributes)
  }
  /** The number of the codec: an index into `CODECS`, or above them if the producer knows one that we don't. */
  get codecId(): number {
    return this.attributes & BATCH_ATTRIBUTE.codec
  }
  get timestampType(): 'CreateTime' | 'LogAppendTime' {
    return (this.attributes & BATCH_ATTRIBUTE.logAppendTime) === 0 ? 'CreateTime' : 'LogAppendTime'
  }
  get isTransactional(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.transactional) !== 0
  }
  get isControl(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.control) !== 0
  }
  get lastOffsetDelta(): number {
    return this.buffer.readInt32BE(this.position + BATCH_FIELD.lastOffsetDelta)
  }
  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta
  }
  /** Milliseconds since the epoch that the records' timestamp deltas are counted from. */
  get baseTimestamp(): number {
    return readInt64(this.buffer, this.position + BATCH_FIELD.baseTimestamp)
  }
  get maxTimestamp(): number {
    return readInt64(this.buffer, this.position + BATCH_FIELD.maxTimestamp)
  }
  get producerId(): number {
    return readInt64(this.buffer, this.position + BATCH_FIELD.producerId)
  }
  get producerEpoch(): number {
    return this.buffer.readInt16BE(this.position + BATCH_FIELD.producerEpoch)
  }
  get baseSequence(): number {
    return this.buffer.readInt32BE(this.position + BATCH_FIELD.baseSequence)
  }
  get recordsCount(): number {
    return this.buffer.readInt32BE(this.position + BATCH_FIELD.recordsCount)
  }
  /** Where the (possibly compressed) records begin and end in `buffer`. */
  get recordsStart(): number {
    return this.position + BATCH_HEADER_BYTES
  }
  get recordsEnd(): number {
    return this.position + this.sizeBytes
  }

  /** Whether the batch's bytes are those that its producer sent. The whole batch must be in `buffer`. */
  isIntact(crc32c: Crc32c): boolean {
    return crc32c(this.buffer.subarray(this.position + BATCH_FIELD.attributes, this.recordsEnd)) === this.crc
  }
}

/**
 * Calls `visit` with each whole batch in `buffer` from `start` on, always with the same view. `visit` stops the walk by returning false.
 * Returns the position after the last batch visited; what follows is a batch that is cut off, as the last of a fetch response may be.
 * Throws `CorruptBatchError` on a batch that is not format v2 or that has an impossible length.
 */
export function forEachBatch(
  buffer: Buffer,
  visit: (batch: BatchHeader) => unknown,
  start = 0,
  end = buffer.length,
): number {
  const batch = new BatchHeader()
  let position = start
  while (end - position >= BATCH_HEADER_BYTES) {
    batch.at(buffer, position)
    assertBatch(batch)
    const next = position + batch.sizeBytes
    if (next > end) break
    position = next
    if (visit(batch) === false) break
  }
  return position
}

function assertBatch(batch: BatchHeader): void {
  if (batch.magic !== BATCH_MAGIC) throw new CorruptBatchError(batch.position, `message format ${batch.magic}`)
  if (batch.sizeBytes < BATCH_HEADER_BYTES)
    throw new CorruptBatchError(batch.position, `a length of ${batch.batchLength} bytes`)
}
