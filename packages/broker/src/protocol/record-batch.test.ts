import { gunzipSync, gzipSync } from 'node:zlib'
import { crc32c as nativeCrc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BATCH_FIELD, BatchHeader, CorruptBatchError, forEachBatch } from './record-batch.ts'
import { RecordBatchBuilder } from './record-batch-builder.ts'
import { VarintCursor } from './varint.ts'

const crc32c = (data: Buffer) => nativeCrc32c(data)

function batchOf(...values: string[]): Buffer {
  const builder = new RecordBatchBuilder(64)
  for (const [index, value] of values.entries()) builder.append(null, Buffer.from(value), 1_700_000_000_000 + index)
  return Buffer.from(builder.seal({ crc32c }))
}

/** Decodes records plainly, to compare with what went in. */
function recordsOf(batch: Buffer, records = batch.subarray(61)) {
  const header = new BatchHeader().at(batch, 0)
  const cursor = new VarintCursor(records)
  const field = () => {
    const length = cursor.next()
    if (length < 0) return null
    cursor.position += length
    return Buffer.from(records.subarray(cursor.position - length, cursor.position))
  }
  return Array.from({ length: header.recordsCount }, () => {
    const length = cursor.next()
    const end = cursor.position + length
    cursor.position++
    const timestamp = header.baseTimestamp + cursor.next()
    const offsetDelta = cursor.next()
    const key = field()
    const value = field()
    const headers = Array.from({ length: cursor.next() }, () => ({ key: field()?.toString(), value: field() }))
    expect(cursor.position).toBe(end)
    return { timestamp, offsetDelta, key, value, headers }
  })
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data))
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestamp: fc.integer({ min: 0, max: 2 ** 42 }),
  headers: fc.array(
    fc.record({ key: fc.string({ unit: 'binary' }).filter((s) => s.isWellFormed()), value: fc.option(bytes) }),
    { maxLength: 3 },
  ),
})

describe('RecordBatchBuilder', () => {
  test('a part of a buffer is appended as a view of it is', () => {
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 2 ** 42 }),
        (values, at) => {
          const source = Buffer.concat(values)
          const [parts, views] = [new RecordBatchBuilder(0), new RecordBatchBuilder(0)]
          let start = 0
          for (const [index, value] of values.entries()) {
            parts.appendPart(source, start, start + value.length, at + index)
            views.append(null, value, at + index)
            start += value.length
          }
          expect(parts.seal({ crc32c }).equals(views.seal({ crc32c }))).toBe(true)
        },
      ),
    )
  })

  test('a record that lies in parts is appended as its views are', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
        const [parts, views] = [new RecordBatchBuilder(0), new RecordBatchBuilder(0)]
        for (const { key, value, timestamp, headers } of records) {
          const source = Buffer.concat([Buffer.from('before'), key ?? Buffer.of(), value ?? Buffer.of(), Buffer.of(1)])
          const keyEnd = 6 + (key?.length ?? 0)
          const record = {
            keySource: key === null ? null : source,
            keyStart: 6,
            keyEnd,
            valueSource: value === null ? null : source,
            valueStart: keyEnd,
            valueEnd: keyEnd + (value?.length ?? 0),
            headers,
          }
          parts.appendRecord(record, timestamp)
          views.append(key, value, timestamp, headers)
        }
        expect(parts.seal({ crc32c }).equals(views.seal({ crc32c }))).toBe(true)
      }),
    )
  })

  test('what is appended can be read back', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
        const builder = new RecordBatchBuilder(0)
        for (const { key, value, timestamp, headers } of records) builder.append(key, value, timestamp, headers)
        const batch = builder.seal({ crc32c, producerId: 77, producerEpoch: 3, baseSequence: 9 })
        const header = new BatchHeader().at(batch, 0)
        expect(header.isIntact(crc32c)).toBe(true)
        expect(header.sizeBytes).toBe(batch.length)
        expect([header.producerId, header.producerEpoch, header.baseSequence]).toEqual([77, 3, 9])
        expect(header.maxTimestamp).toBe(Math.max(...records.map((r) => r.timestamp)))
        expect(recordsOf(batch)).toEqual(records.map((r, offsetDelta) => ({ ...r, offsetDelta })))
      }),
    )
  })

  test('compresses the records alone and names the codec', () => {
    const builder = new RecordBatchBuilder()
    builder.append(Buffer.from('k'), Buffer.from('v'.repeat(1000)), 5)
    const plain = recordsOf(Buffer.from(builder.seal({ crc32c })))
    const batch = builder.seal({ crc32c, codec: 'gzip', compress: (data) => gzipSync(data) })
    const header = new BatchHeader().at(batch, 0)
    expect(header.codecId).toBe(1)
    expect(header.isIntact(crc32c)).toBe(true)
    expect(batch.length).toBeLessThan(300)
    expect(recordsOf(batch, gunzipSync(batch.subarray(61)))).toEqual(plain)
  })

  test('starts afresh after reset', () => {
    const builder = new RecordBatchBuilder()
    builder.append(null, Buffer.from('first'), 9_000)
    builder.reset()
    builder.append(null, Buffer.from('second'), 100)
    const batch = builder.seal({ crc32c })
    expect(new BatchHeader().at(batch, 0).maxTimestamp).toBe(100)
    expect(recordsOf(batch).map((r) => r.value?.toString())).toEqual(['second'])
  })
})

describe('forEachBatch', () => {
  test('visits whole batches and returns where the cut-off one begins', () => {
    const whole = Buffer.concat([batchOf('a', 'b'), batchOf('c')])
    for (let cut = 1; cut < batchOf('d').length; cut++) {
      const counts: number[] = []
      const end = forEachBatch(Buffer.concat([whole, batchOf('d').subarray(0, cut)]), (batch) => {
        counts.push(batch.recordsCount)
      })
      expect(counts).toEqual([2, 1])
      expect(end).toBe(whole.length)
    }
  })

  test('stops when told to', () => {
    const first = batchOf('a')
    expect(forEachBatch(Buffer.concat([first, batchOf('b')]), () => false)).toBe(first.length)
  })

  test('refuses other formats and impossible lengths', () => {
    const old = batchOf('a')
    old[BATCH_FIELD.magic] = 1
    expect(() => forEachBatch(old, () => {})).toThrow(CorruptBatchError)
    const short = batchOf('a')
    short.writeInt32BE(10, BATCH_FIELD.batchLength)
    expect(() => forEachBatch(short, () => {})).toThrow('a length of 10 bytes')
  })

  test('a flipped bit anywhere after the CRC is noticed', () => {
    const batch = batchOf('hello')
    for (let position = BATCH_FIELD.crc; position < batch.length; position++) {
      const damaged = Buffer.from(batch)
      damaged[position] = (damaged[position] ?? 0) ^ 1
      expect(new BatchHeader().at(damaged, 0).isIntact(crc32c)).toBe(false)
    }
  })
})
