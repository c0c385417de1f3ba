import { writeInt64 } from './int64.ts'
import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  CODECS,
  type Codec,
  type Crc32c,
  NO_PRODUCER_ID,
} from './record-batch.ts'
import { varintBytes, writeVarint } from './varint.ts'

/** What is not longer is copied here byte by byte: the call that copies takes longer than that. */
const SHORT_BYTES = 24

/** Attributes, timestamp, offset and lengths of a record, the longest that they may be. */
const MOST_FIELD_BYTES = 32

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/**
 * A record whose key and value are parts of other buffers: no views are made of them. Without its buffer there is no key, or no
 * value.
 */
export interface RecordParts {
  readonly keySource: Buffer | null
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueSource: Buffer | null
  readonly valueStart: number
  readonly valueEnd: number
  readonly headers: readonly RecordHeader[]
}

/** No more than this is added to a batch by a record. */
export function recordBytesAtMost({
  keySource,
  keyStart,
  keyEnd,
  valueSource,
  valueStart,
  valueEnd,
  headers,
}: RecordParts): number {
  const key = keySource === null ? 0 : keyEnd - keyStart
  const value = valueSource === null ? 0 : valueEnd - valueStart
  return MOST_FIELD_BYTES + key + value + headersBytes(headers)
}

export interface SealOptions {
  readonly crc32c: Crc32c
  /** What `compress` makes of the records; `none` unless told. */
  readonly codec?: Codec
  /** Compresses the records' bytes; asked only where `codec` is not `none`. */
  readonly compress?: (records: Buffer) => Uint8Array
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
}

/**
 * Writes records one after the other into one growing buffer as a v2 batch: no object per record. `seal` fills in the header;
 * `reset` keeps the buffer for the next batch.
 */
export class RecordBatchBuilder {
  #buffer: Buffer
  #end = BATCH_HEADER_BYTES
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = -1

  constructor(capacityBytes = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafe(Math.max(capacityBytes, BATCH_HEADER_BYTES))
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the batch as it stands, uncompressed. */
  get sizeBytes(): number {
    return this.#end
  }

  /** Appends one record. `timestamp` is in milliseconds since the epoch; null as a value is a tombstone. */
  append(
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp: number,
    headers: readonly RecordHeader[] = [],
  ): void {
    if (this.#count === 0) this.#baseTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const timestampDelta = timestamp - this.#baseTimestamp
    const bodyBytes =
      1 +
      varintBytes(timestampDelta) +
      varintBytes(this.#count) +
      fieldBytes(key) +
      fieldBytes(value) +
      headersBytes(headers)
    this.#reserve(varintBytes(bodyBytes) + bodyBytes)
    this.#varint(bodyBytes)
    this.#buffer[this.#end++] = 0
    this.#varint(timestampDelta)
    this.#varint(this.#count)
    this.#field(key)
    this.#field(value)
    this.#headers(headers)
    this.#count++
  }

  /** Appends one record that lies in parts. `timestamp` is in milliseconds since the epoch. */
  appendRecord(record: RecordParts, timestamp: number): void {
    const { keySource, keyStart, keyEnd, valueSource, valueStart, valueEnd, headers } = record
    if (this.#count === 0) this.#baseTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const timestampDelta = timestamp - this.#baseTimestamp
    const bodyBytes =
      1 +
      varintBytes(timestampDelta) +
      varintBytes(this.#count) +
      partBytes(keySource === null ? -1 : keyEnd - keyStart) +
      partBytes(valueSource === null ? -1 : valueEnd - valueStart) +
      headersBytes(headers)
    this.#reserve(varintBytes(bodyBytes) + bodyBytes)
    this.#varint(bodyBytes)
    this.#buffer[this.#end++] = 0
    this.#varint(timestampDelta)
    this.#varint(this.#count)
    this.#part(keySource, keyStart, keyEnd)
    this.#part(valueSource, valueStart, valueEnd)
    this.#headers(headers)
    this.#count++
  }

  /** Appends a record without key and headers whose value is a part of another buffer: no view is made of it. */
  appendPart(source: Buffer, start: number, end: number, timestamp: number): void {
    if (this.#count === 0) this.#baseTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const timestampDelta = timestamp - this.#baseTimestamp
    const valueBytes = end - start
    const bodyBytes =
      1 + varintBytes(timestampDelta) + varintBytes(this.#count) + 1 + varintBytes(valueBytes) + valueBytes + 1
    this.#reserve(varintBytes(bodyBytes) + bodyBytes)
    this.#varint(bodyBytes)
    this.#buffer[this.#end++] = 0
    this.#varint(timestampDelta)
    this.#varint(this.#count)
    this.#varint(-1)
    this.#varint(valueBytes)
    source.copy(this.#buffer, this.#end, start, end)
    this.#end += valueBytes
    this.#varint(0)
    this.#count++
  }

  /** The finished batch with base offset 0. Uncompressed it is a view of the builder's own buffer: use it before `reset`. */
  seal(options: SealOptions): Buffer {
    const batch = this.#body(options)
    writeInt64(batch, 0, BATCH_FIELD.baseOffset)
    batch.writeInt32BE(batch.length - BATCH_PREFIX_BYTES, BATCH_FIELD.batchLength)
    batch.writeInt32BE(-1, BATCH_FIELD.partitionLeaderEpoch)
    batch.writeInt8(BATCH_MAGIC, BATCH_FIELD.magic)
    batch.writeInt16BE(attributesOf(options), BATCH_FIELD.attributes)
    batch.writeInt32BE(this.#count - 1, BATCH_FIELD.lastOffsetDelta)
    writeInt64(batch, this.#baseTimestamp, BATCH_FIELD.baseTimestamp)
    writeInt64(batch, this.#maxTimestamp, BATCH_FIELD.maxTimestamp)
    writeInt64(batch, options.producerId ?? NO_PRODUCER_ID, BATCH_FIELD.producerId)
    batch.writeInt16BE(options.producerEpoch ?? -1, BATCH_FIELD.producerEpoch)
    batch.writeInt32BE(options.baseSequence ?? -1, BATCH_FIELD.baseSequence)
    batch.writeInt32BE(this.#count, BATCH_FIELD.recordsCount)
    batch.writeUInt32BE(options.crc32c(batch.subarray(BATCH_FIELD.attributes)), BATCH_FIELD.crc)
    return batch
  }

  /** Empties the builder for the next batch and keeps its buffer. */
  reset(): void {
    this.#end = BATCH_HEADER_BYTES
    this.#count = 0
    this.#maxTimestamp = -1
  }

  #body({ codec = 'none', compress }: SealOptions): Buffer {
    if (codec === 'none') return this.#buffer.subarray(0, this.#end)
    if (compress === undefined) throw new TypeError(`sealing a batch as ${codec} needs a compress function`)
    const records = compress(this.#buffer.subarray(BATCH_HEADER_BYTES, this.#end))
    const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + records.length)
    batch.set(records, BATCH_HEADER_BYTES)
    return batch
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#buffer = grown
  }

  #varint(value: number): void {
    this.#end = writeVarint(this.#buffer, value, this.#end)
  }

  #headers(headers: readonly RecordHeader[]): void {
    this.#varint(headers.length)
    for (const header of headers) {
      this.#field(Buffer.from(header.key))
      this.#field(header.value)
    }
  }

  #part(source: Buffer | null, start: number, end: number): void {
    this.#varint(source === null ? -1 : end - start)
    if (source === null) return
    if (end - start > SHORT_BYTES) source.copy(this.#buffer, this.#end, start, end)
    else for (let i = 0; i < end - start; i++) this.#buffer[this.#end + i] = source[start + i] as number
    this.#end += end - start
  }

  #field(bytes: Uint8Array | null): void {
    this.#varint(bytes === null ? -1 : bytes.length)
    if (bytes === null) return
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }
}

function attributesOf({ codec = 'none', isTransactional, isControl }: SealOptions): number {
  const transactional = isTransactional ? BATCH_ATTRIBUTE.transactional : 0
  const control = isControl ? BATCH_ATTRIBUTE.control : 0
  return CODECS.indexOf(codec) | transactional | control
}

function fieldBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length
}

/** −1 for what is not there. */
function partBytes(bytes: number): number {
  return bytes < 0 ? 1 : varintBytes(bytes) + bytes
}

function headersBytes(headers: readonly RecordHeader[]): number {
  if (headers.length === 0) return 1
  let total = varintBytes(headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key)
    total += varintBytes(keyBytes) + keyBytes + fieldBytes(value)
  }
  return total
}
