import { gzipSync, zstdCompressSync } from 'node:zlib'
import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BatchHeader,
  type Codec,
  RecordBatchBuilder,
  writeInt64,
} from '@headrace/broker/protocol'
import { type RecordBlock, startOf, valueAt } from '@headrace/core'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import type { AbortedTransaction } from './aborted-filter.ts'
import { BLOCK_BYTES, BlockBufferPool } from './block-buffers.ts'
import { decodeBatches, reachOf } from './decode-batches.ts'

interface TestRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
}
interface TestBatch {
  readonly records: readonly TestRecord[]
  readonly codec: Codec | 'xerial'
}
interface Produced {
  readonly producerId?: number
  readonly isTransactional?: boolean
  readonly control?: 'commit' | 'abort'
}

const compressors: Record<Exclude<TestBatch['codec'], 'none'>, (records: Buffer) => Buffer> = {
  gzip: (records) => gzipSync(records),
  snappy: (records) => compressSync(records),
  xerial: (records) =>
    Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...xerialBlocks(records)]),
  lz4: (records) => compressFrameSync(records),
  zstd: (records) => zstdCompressSync(records),
}

function xerialBlocks(records: Buffer): Buffer[] {
  const half = records.length >> 1
  return [records.subarray(0, half), records.subarray(half)].flatMap((part) => {
    const block = compressSync(part)
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    return [length, block]
  })
}

function encode({ records, codec }: TestBatch, baseOffset: number, produced: Produced = {}): Buffer {
  const builder = new RecordBatchBuilder()
  for (const { key, value, timestamp } of records) builder.append(key, value, timestamp, [{ key: 'h', value: key }])
  const name = codec === 'xerial' ? 'snappy' : codec
  const compress = codec === 'none' ? {} : { compress: compressors[codec] }
  const batch = Buffer.from(builder.seal({ crc32c: (data) => crc32c(data), codec: name, ...compress, ...produced }))
  writeInt64(batch, baseOffset, BATCH_FIELD.baseOffset)
  return batch
}

function control(type: 'commit' | 'abort', producerId: number, baseOffset: number): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  const records = [{ key, value: Buffer.alloc(6), timestamp: 5 }]
  const batch = encode({ records, codec: 'none' }, baseOffset, { producerId, isTransactional: true })
  batch.writeInt16BE(BATCH_ATTRIBUTE.control | BATCH_ATTRIBUTE.transactional, BATCH_FIELD.attributes)
  return resealed(batch)
}

function resealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(BATCH_FIELD.attributes)), BATCH_FIELD.crc)
  return batch
}

async function decode(
  bytes: Buffer,
  options: { from?: number; aborted?: AbortedTransaction[]; pool?: BlockBufferPool } = {},
) {
  const pool = options.pool ?? new BlockBufferPool(['_key'])
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const from = options.from ?? 0
  const located = { partition: 't/0', buffer: bytes, view, start: 0, end: bytes.length }
  const decoded = decodeBatches({ ...located, from, aborted: options.aborted ?? [] }, pool, (data) => crc32c(data))
  const blocks: RecordBlock[] = []
  for await (const { buffers, next } of decoded) blocks.push(pool.block(buffers, 't/0', next))
  return blocks
}

function recordsOf(blocks: readonly RecordBlock[]) {
  return blocks.flatMap(({ count, values, keys, ordinals, timestamps }) =>
    Array.from({ length: count }, (_, i) => {
      expect(values.data[values.ends[i] as number]).toBe(0x0a)
      const value = valueAt(values, i)
      const key = keys === undefined ? null : valueAt(keys, i)
      return {
        offset: ordinals[i],
        timestamp: timestamps[i],
        value: value && Buffer.from(value),
        key: key && Buffer.from(key),
      }
    }),
  )
}

const text = (value: string): TestRecord => ({ key: null, value: Buffer.from(value), timestamp: 1_700_000_000_000 })
const plain = (...values: string[]): TestBatch => ({ records: values.map(text), codec: 'none' })

const bytes = fc
  .oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 500, maxLength: 600 }))
  .map((data) => Buffer.from(data))
const batches = fc.array(
  fc.record({
    records: fc.array(
      fc.record({ key: fc.option(bytes), value: fc.option(bytes), timestamp: fc.integer({ min: 0, max: 2 ** 43 }) }),
      { minLength: 1, maxLength: 12 },
    ),
    codec: fc.constantFrom<TestBatch['codec']>('none', 'gzip', 'snappy', 'xerial', 'lz4', 'zstd'),
  }),
  { maxLength: 5 },
)

describe('decodeBatches', () => {
  test('gives back what was encoded, from any offset on, with a last batch cut off anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(), fc.nat(), async (input, fromSeed, cutSeed) => {
        const expected: unknown[] = []
        const encoded: Buffer[] = []
        let offset = 100
        for (const batch of input) {
          encoded.push(encode(batch, offset))
          for (const record of batch.records) expected.push({ offset: offset++, ...record })
        }
        const from = 100 + (fromSeed % (offset - 99))
        const extra = encode(plain('cut off'), offset)
        const whole = Buffer.concat([...encoded, extra.subarray(0, cutSeed % extra.length)])
        const blocks = await decode(whole, { from })
        expect(recordsOf(blocks)).toEqual(expected.slice(from - 100))
        expect(reachOf(whole, 0, whole.length, { next: from, leaderEpoch: 3 }).next).toBe(offset)
        if (blocks.length > 0) expect(blocks.at(-1)?.next).toBe(offset)
      }),
      { numRuns: 200 },
    )
  })

  test('values of one line are NDJSON as they stand', async () => {
    const [block] = await decode(encode(plain('{"a":1}', '', '{"b":2}'), 0))
    expect(block?.values.nulls).toBeUndefined()
    expect(Buffer.from(block!.values.data.subarray(0, block!.values.ends[2]! + 1)).toString()).toBe(
      '{"a":1}\n\n{"b":2}\n',
    )
  })

  test('a null is marked, in reused buffers too', async () => {
    const pool = new BlockBufferPool([])
    const nulls = { records: [text('a'), { ...text(''), value: null }, text('')], codec: 'none' } as const
    for (const [first] of [await decode(encode(nulls, 0), { pool }), await decode(encode(nulls, 0), { pool })]) {
      expect(Array.from(first!.values.nulls!.subarray(0, 3))).toEqual([0, 1, 0])
      expect(first!.keys).toBeUndefined()
      first!.release()
    }
    const [other] = await decode(encode(plain('x', 'y'), 0), { pool })
    expect(other!.values.nulls).toBeUndefined()
  })

  test('cuts blocks at about a mebibyte; a larger batch gets a block of its own', async () => {
    const value = 'v'.repeat(100_000)
    const small = Array.from({ length: 25 }, (_, i) => encode(plain(value), i))
    const huge = encode(plain('h'.repeat(3 * BLOCK_BYTES)), 25)
    const blocks = await decode(Buffer.concat([...small, huge, encode(plain('end'), 26)]))
    expect(blocks.map((block) => block.count)).toEqual([10, 10, 5, 2])
    expect(blocks.map((block) => block.next)).toEqual([10, 20, 25, 27])
    expect(startOf(blocks[3]!.values, 1)).toBe(3 * BLOCK_BYTES + 1)
  })

  test.each(['gzip', 'snappy', 'xerial', 'lz4', 'zstd'] as const)(
    'large %s batches, which other threads decompress, come in order; damage is told where it is',
    async (codec) => {
      const batch = (i: number) => {
        const random = Buffer.alloc(60_000, `${i}`)
        for (let at = 0; at < random.length; at += 4) random.writeUInt32LE(Math.imul(at + i, 2_654_435_761) >>> 0, at)
        return { records: [{ key: null, value: random, timestamp: i }], codec }
      }
      const small = { ...plain('small'), codec }
      const log = Array.from({ length: 9 }, (_, i) => encode(i === 4 ? small : batch(i), i))
      const read = recordsOf(await decode(Buffer.concat(log)))
      expect(read.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
      for (const i of [0, 5, 8]) expect(read[i]?.value?.equals(batch(i).records[0]?.value as Buffer)).toBe(true)
      const damaged = Buffer.from(log[7] as Buffer)
      damaged.fill(0xff, 70, 120)
      log[7] = resealed(damaged)
      if (codec === 'snappy' || codec === 'xerial') return
      await expect(decode(Buffer.concat(log))).rejects.toMatchObject({ code: 'KAFKA_BATCH_CORRUPT' })
    },
  )

  test('many tiny records get room for their offsets', async () => {
    const tiny = encode(plain(...Array.from({ length: 70_000 }, () => '')), 0)
    const blocks = await decode(tiny)
    expect(blocks.map((block) => block.count)).toEqual([70_000])
    expect(blocks[0]?.ordinals[69_999]).toBe(69_999)
  })

  test('LogAppendTime: every record has the time of the broker', async () => {
    const batch = encode(plain('a', 'b'), 0)
    batch.writeInt16BE(BATCH_ATTRIBUTE.logAppendTime, BATCH_FIELD.attributes)
    writeInt64(batch, 1_800_000_000_123, BATCH_FIELD.maxTimestamp)
    expect(recordsOf(await decode(resealed(batch))).map((r) => r.timestamp)).toEqual([
      1_800_000_000_123, 1_800_000_000_123,
    ])
  })

  test('timestamps before the first one of the batch, and far ones, are exact', async () => {
    const timestamps = [1_700_000_000_000, 0, 2 ** 43, 1_699_999_999_999]
    const records = timestamps.map((timestamp) => ({ ...text('x'), timestamp }))
    expect(recordsOf(await decode(encode({ records, codec: 'none' }, 0))).map((r) => r.timestamp)).toEqual(timestamps)
  })

  test('aborted transactions and control batches are left out, and the position goes past them', async () => {
    const transaction = (value: string, producerId: number, offset: number) =>
      encode(plain(value), offset, { producerId, isTransactional: true })
    const log = Buffer.concat([
      transaction('aborted 1', 7, 0),
      transaction('committed', 8, 1),
      encode(plain('outside'), 2, { producerId: 7 }),
      transaction('aborted 2', 7, 3),
      control('abort', 7, 4),
      control('commit', 8, 5),
      transaction('then committed', 7, 6),
      control('commit', 7, 7),
      transaction('aborted 3', 7, 8),
      control('abort', 7, 9),
    ])
    const aborted = [
      { producerId: 7, firstOffset: 8 },
      { producerId: 7, firstOffset: 0 },
    ]
    const values = (blocks: readonly RecordBlock[]) => recordsOf(blocks).map((r) => r.value?.toString())
    const blocks = await decode(log, { aborted })
    expect(values(blocks)).toEqual(['committed', 'outside', 'then committed'])
    expect(blocks.at(-1)?.next).toBe(10)
    expect(reachOf(log, 0, log.length, { next: 0, leaderEpoch: 3 }).next).toBe(10)
    expect(values(await decode(log))).toHaveLength(6)
    const last = Buffer.concat([transaction('aborted 3', 7, 8), control('abort', 7, 9)])
    expect(await decode(last, { aborted })).toEqual([])
  })
})

describe('what is beside the value', () => {
  test('headers, timestamp types and leader epochs, where they are wanted, in reused buffers too', async () => {
    const headers = [
      [
        { key: 'trace', value: Buffer.from([0xff, 0]) },
        { key: 'trace', value: null },
      ],
      [],
      [{ key: 'ключ', value: Buffer.alloc(0) }],
    ]
    const builder = new RecordBatchBuilder()
    for (const own of headers) builder.append(null, Buffer.from('v'), 5, own)
    const first = Buffer.from(builder.seal({ crc32c: (data) => crc32c(data) }))
    first.writeInt32BE(7, BATCH_FIELD.partitionLeaderEpoch)
    const second = encode(plain('x'), 3)
    second.writeInt16BE(BATCH_ATTRIBUTE.logAppendTime, BATCH_FIELD.attributes)
    const log = Buffer.concat([first, resealed(second)])
    const pool = new BlockBufferPool(['_headers', '_timestamp_type', '_leader_epoch'])
    for (let round = 0; round < 2; round++) {
      const [block] = await decode(log, { pool, from: round })
      expect(block?.keys).toBeUndefined()
      const read = Array.from({ length: block?.count ?? 0 }, (_, i) => block?.headersOf?.(i))
      expect(read).toEqual([...headers, [{ key: 'h', value: null }]].slice(round))
      expect([...(block?.timestampTypes ?? [])].slice(0, block?.count)).toEqual([0, 0, 0, 1].slice(round))
      expect([...(block?.leaderEpochs ?? [])].slice(0, block?.count)).toEqual([7, 7, 7, -1].slice(round))
      block?.release()
    }
    const [bare] = await decode(log)
    expect([bare?.headersOf, bare?.timestampTypes, bare?.leaderEpochs]).toEqual([undefined, undefined, undefined])
  })
})

describe('a batch that would take too much memory', () => {
  const zeros = Buffer.alloc(2 ** 26)
  test.each([
    ['gzip', Buffer.concat(Array.from({ length: 5 }, () => gzipSync(zeros, { level: 1 })))],
    ['zstd', zstdCompressSync(Buffer.alloc(5 * zeros.length))],
    ['lz4', compressFrameSync(Buffer.alloc(5 * zeros.length))],
    // It says it has 2 GiB.
    ['snappy', Buffer.from([0x80, 0x80, 0x80, 0x80, 0x08, 0, 0])],
  ] as const)('in %s is told with where it is', async (codec, bomb) => {
    const builder = new RecordBatchBuilder()
    builder.append(null, Buffer.from('x'), 5)
    const batch = Buffer.from(builder.seal({ crc32c: (data) => crc32c(data), codec, compress: () => bomb }))
    writeInt64(batch, 41, BATCH_FIELD.baseOffset)
    await expect(decode(batch)).rejects.toMatchObject({
      code: 'KAFKA_BATCH_TOO_LARGE',
      message: `the record batch at offset 41 of t/0 has ${batch.length} bytes, and more than 256 MiB decompressed`,
      hint: expect.stringContaining('from 42 on'),
    })
  })
})

describe('damage', () => {
  const code = expect.objectContaining({ code: 'KAFKA_BATCH_CORRUPT' })

  test('a flipped bit is found by the CRC, and the error says where', async () => {
    const damaged = encode(plain('hello'), 41)
    damaged[damaged.length - 3]! ^= 1
    await expect(decode(damaged)).rejects.toThrow(
      expect.objectContaining({
        code: 'KAFKA_BATCH_CORRUPT',
        message: 'the record batch at offset 41 of t/0 cannot be read: its CRC does not match',
      }),
    )
  })

  test('without a CRC, bytes that are no records never run wild', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        fc.integer({ min: -5, max: 2 ** 31 - 1 }),
        async (junk, n) => {
          const batch = Buffer.concat([encode(plain('x'), 0).subarray(0, 61), junk])
          batch.writeInt32BE(batch.length - 12, BATCH_FIELD.batchLength)
          batch.writeInt32BE(n, BATCH_FIELD.recordsCount)
          try {
            const count = recordsOf(await decode(resealed(batch))).length
            expect(count).toBeLessThanOrEqual(junk.length / 7)
          } catch (error) {
            expect(error).toEqual(code)
          }
        },
      ),
    )
  })

  test('damaged compressed data, an unknown codec and an old format are told apart', async () => {
    const gzip = encode({ ...plain('hello'), codec: 'gzip' }, 0)
    gzip[61]! ^= 0xff
    await expect(decode(resealed(gzip))).rejects.toThrow('its gzip data is damaged')
    const unknown = encode(plain('hello'), 0)
    unknown.writeInt16BE(6, BATCH_FIELD.attributes)
    await expect(decode(resealed(unknown))).rejects.toThrow('its codec 6 is unknown')
    const old = encode(plain('hello'), 0)
    old[BATCH_FIELD.magic] = 1
    await expect(decode(old)).rejects.toThrow('message format 1')
    expect(new BatchHeader().at(old, 0).magic).toBe(1)
  })
})

describe('BlockBufferPool', () => {
  test('gives buffers out again only after their release, once, and keeps no more than it may', async () => {
    const pool = new BlockBufferPool([], 40 * 1024)
    const [first, second] = [
      await decode(encode(plain('1'), 0), { pool }),
      await decode(encode(plain('2'), 0), { pool }),
    ]
    const data = first[0]!.values.data
    expect(second[0]!.values.data).not.toBe(data)
    first[0]!.release()
    expect(() => first[0]!.release()).toThrow('released twice')
    const third = await decode(encode(plain('3'), 0), { pool })
    expect(third[0]!.values.data).toBe(data)
    const more = [second, third, await decode(encode(plain('4'), 0), { pool })]
    for (const [block] of more) block!.release()
    expect(pool.freeBytes).toBe(32 * 1024)
  })
})
