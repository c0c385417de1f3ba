import { compress, RecordBatchBuilder } from '@headrace/broker/protocol'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitBatch } from './split-batch.ts'

const bytes = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data))
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestamp: fc.integer({ min: 0, max: 2 ** 42 }),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(bytes) }), { maxLength: 2 }),
})
type AnyRecord = typeof record extends fc.Arbitrary<infer R> ? R : never

function builderOf(records: readonly AnyRecord[]): RecordBatchBuilder {
  const builder = new RecordBatchBuilder(0)
  for (const { key, value, timestamp, headers } of records) builder.append(key, value, timestamp, headers)
  return builder
}

test.each(['none', 'zstd'] as const)('%s: each half is as if it had been put together alone', (codec) => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 2, maxLength: 9 }), (records) => {
      const sealing = { crc32c, codec, compress: (plain: Buffer) => compress(codec, plain) }
      const middle = Math.ceil(records.length / 2)
      const expected = [records.slice(0, middle), records.slice(middle)].map((half) => builderOf(half).seal({ crc32c }))
      const halves = splitBatch(builderOf(records).seal(sealing)).map((half) => half.seal({ crc32c }))
      expect(halves).toEqual(expected)
    }),
  )
})
