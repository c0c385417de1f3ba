import { type Crc32c, RecordBatchBuilder, type SealOptions } from '@headrace/broker/protocol'

const POLYNOMIAL = 0x82f6_3b78

/** CRC-32C bit by bit: slow, and nobody else's. */
const crc32c: Crc32c = (data) => {
  let crc = 0xffff_ffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  }
  return (crc ^ 0xffff_ffff) >>> 0
}

interface BatchOptions extends Omit<SealOptions, 'crc32c'> {
  readonly timestamp?: number
}

/** One batch of these values, a millisecond apart. */
export function batchOf(values: readonly string[], { timestamp = Date.now(), ...options }: BatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder()
  for (const [index, value] of values.entries()) builder.append(null, Buffer.from(value), timestamp + index)
  return Buffer.from(builder.seal({ crc32c, ...options }))
}

interface KeyedRecord {
  readonly key: string
  readonly value: string | null
  readonly timestamp: number
}

export function keyedBatchOf(records: readonly KeyedRecord[]): Buffer {
  const builder = new RecordBatchBuilder()
  for (const { key, value, timestamp } of records)
    builder.append(Buffer.from(key), value === null ? null : Buffer.from(value), timestamp)
  return Buffer.from(builder.seal({ crc32c }))
}
