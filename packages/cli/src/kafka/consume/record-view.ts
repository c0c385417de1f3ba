import {
  afterVarint,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  CODECS,
  decompress,
  readVarint,
  UnpackedTooLargeError,
} from '@headrace/broker/protocol'

/** Bytes that cannot be records. */
class MalformedRecordsError extends Error {
  override readonly name = 'MalformedRecordsError'
}

/** One record where it lies in the bytes of its batch; moved from record to record, so that reading makes no objects. */
export class RecordView {
  partition = 0
  offset = 0
  /** In ms since the epoch. */
  timestamp = 0
  /** Whether the broker gave the time, or the producer. */
  isAppendTime = false
  source: Buffer = Buffer.alloc(0)
  keyStart = 0
  /** −1 for null, as for the value. */
  keyLength = -1
  valueStart = 0
  valueLength = -1
  headersStart = 0
  #shown: (readonly [string, Buffer | null])[] | undefined

  /** Views of the batch's bytes. */
  get key(): Buffer | null {
    return this.keyLength < 0 ? null : this.source.subarray(this.keyStart, this.keyStart + this.keyLength)
  }
  get value(): Buffer | null {
    return this.valueLength < 0 ? null : this.source.subarray(this.valueStart, this.valueStart + this.valueLength)
  }

  /** Shows a record that did not come in a batch. */
  show(key: Buffer | null, value: Buffer | null, headers: (readonly [string, Buffer | null])[]): void {
    this.source = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)])
    this.keyStart = 0
    this.keyLength = key === null ? -1 : key.length
    this.valueStart = key?.length ?? 0
    this.valueLength = value === null ? -1 : value.length
    this.#shown = headers
  }

  /** Keys and values of the headers, in order; a name may be there more than once. */
  get headers(): (readonly [name: string, value: Buffer | null])[] {
    if (this.#shown !== undefined) return this.#shown
    const headers: (readonly [string, Buffer | null])[] = []
    let count = readVarint(this.source, this.headersStart)
    let position = afterVarint
    for (; count > 0; count--) {
      const nameLength = readVarint(this.source, position)
      const nameStart = afterVarint
      const valueLength = readVarint(this.source, nameStart + nameLength)
      const valueStart = afterVarint
      position = valueStart + Math.max(0, valueLength)
      const value = valueLength < 0 ? null : this.source.subarray(valueStart, position)
      headers.push([this.source.toString('utf8', nameStart, nameStart + nameLength), value])
    }
    return headers
  }
}

/**
 * Shows `visit` each record of a batch from offset `from` on, always in the same view; it stops by returning false. Returns
 * whether it came to the end. Throws `MalformedRecordsError`.
 *
 * Record => length:varint attributes:int8 timestampDelta:varlong offsetDelta:varint
 *           keyLength:varint key valueLength:varint value headers
 */
export function visitRecords(
  batch: BatchHeader,
  from: number,
  view: RecordView,
  visit: (view: RecordView) => boolean,
): boolean {
  const source = plainRecords(batch)
  const { baseOffset, baseTimestamp, maxTimestamp } = batch
  view.source = source
  view.isAppendTime = batch.timestampType === 'LogAppendTime'
  let position = 0
  for (let remaining = batch.recordsCount; remaining > 0; remaining--) {
    const length = readVarint(source, position)
    const end = afterVarint + length
    if (length < 0 || end > source.length) throw new MalformedRecordsError('a record runs past the end of its batch')
    const timestampDelta = readVarint(source, afterVarint + 1)
    view.offset = baseOffset + readVarint(source, afterVarint)
    view.timestamp = view.isAppendTime ? maxTimestamp : baseTimestamp + timestampDelta
    view.keyLength = readVarint(source, afterVarint)
    view.keyStart = afterVarint
    view.valueLength = readVarint(source, view.keyStart + Math.max(0, view.keyLength))
    view.valueStart = afterVarint
    view.headersStart = view.valueStart + Math.max(0, view.valueLength)
    if (view.headersStart > end) throw new MalformedRecordsError('a key or value runs past the end of its record')
    position = end
    if (view.offset >= from && !visit(view)) return false
  }
  return true
}

function plainRecords(batch: BatchHeader): Buffer {
  const codec = CODECS[batch.codecId]
  if (codec === undefined) throw new MalformedRecordsError(`the codec ${batch.codecId} is unknown`)
  const records = batch.buffer.subarray(batch.position + BATCH_HEADER_BYTES, batch.recordsEnd)
  if (codec === 'none') return records
  try {
    return decompress(codec, records)
  } catch (cause) {
    const reason = cause instanceof UnpackedTooLargeError ? cause.message : `its ${codec} data is damaged`
    throw new MalformedRecordsError(reason, { cause })
  }
}
