import { VarintCursor } from '@headrace/broker/protocol'
import type { RecordHeader } from '@headrace/core'
import { MalformedRecordsError } from './malformed-records.ts'

/**
 * The headers of a record from their bytes. Values are views. Throws `MalformedRecordsError`.
 *
 * headers => count:varint (keyLength:varint key:utf8 valueLength:varint value)*
 */
export function parseHeaders(bytes: Uint8Array | null): readonly RecordHeader[] {
  if (bytes === null) return []
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const cursor = new VarintCursor(buffer, 0)
  const take = (length: number) => {
    const start = cursor.position
    if (length < 0 || start + length > buffer.length) throw new MalformedRecordsError('a header runs past its record')
    cursor.position += length
    return buffer.subarray(start, start + length)
  }
  const headers: RecordHeader[] = []
  for (let remaining = cursor.next(); remaining > 0; remaining--) {
    const key = take(cursor.next()).toString('utf8')
    const valueLength = cursor.next()
    headers.push({ key, value: valueLength < 0 ? null : take(valueLength) })
  }
  return headers
}
