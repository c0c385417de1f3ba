import { gzipSync, zstdCompressSync } from 'node:zlib'
import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  type Codec,
  RecordBatchBuilder,
  type SealOptions,
  writeInt64,
} from '@headrace/broker/protocol'
import { valueAt } from '@headrace/core'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { expect, test } from 'vitest'
import type { AbortedTransaction } from './aborted-filter.ts'
import { BlockBufferPool } from './block-buffers.ts'
import { decodeBatches, reachOf } from './decode-batches.ts'

const compressors: Record<Exclude<Codec, 'none'>, (records: Buffer) => Buffer> = {
  gzip: gzipSync,
  snappy: compressSync,
  lz4: compressFrameSync,
  zstd: zstdCompressSync,
}

/** What a producer does next; `end` of a producer without an open transaction does nothing. */
type Step =
  | { readonly kind: 'plain'; readonly count: number; readonly codec: Codec }
  | { readonly kind: 'transactional'; readonly producer: number; readonly count: number; readonly codec: Codec }
  | { readonly kind: 'end'; readonly producer: number; readonly commit: boolean }

interface WrittenBatch {
  readonly bytes: Buffer
  readonly first: number
  readonly last: number
}

interface AbortedInLog extends AbortedTransaction {
  /** The offset of its abort marker. */
  readonly lastOffset: number
}

/** A partition's log as a broker keeps it, and what a reader of committed records must see of it. */
class Log {
  readonly batches: WrittenBatch[] = []
  readonly aborted: AbortedInLog[] = []
  readonly #open = new Map<number, number>()
  readonly #fate = new Map<number, { readonly producer: number; committed?: boolean }>()
  #end = 0

  apply(step: Step): void {
    if (step.kind === 'end') {
      const firstOffset = this.#open.get(step.producer)
      if (firstOffset === undefined) return
      this.#open.delete(step.producer)
      for (const fate of this.#fate.values()) {
        if (fate.producer === step.producer) fate.committed ??= step.commit
      }
      if (!step.commit) this.aborted.push({ producerId: step.producer, firstOffset, lastOffset: this.#end })
      this.#add(marker(step.producer, step.commit, this.#end), 1)
      return
    }
    const producerId = step.kind === 'plain' ? undefined : step.producer
    if (producerId !== undefined && !this.#open.has(producerId)) this.#open.set(producerId, this.#end)
    for (let i = 0; i < step.count; i++) {
      if (producerId === undefined) this.#fate.set(this.#end + i, { producer: -1, committed: true })
      else this.#fate.set(this.#end + i, { producer: producerId })
    }
    const produced = producerId === undefined ? {} : { producerId, isTransactional: true }
    this.#add(batchOf(step.count, this.#end, step.codec, produced), step.count)
  }

  get lastStableOffset(): number {
    return Math.min(this.#end, ...this.#open.values())
  }

  get committedOffsets(): number[] {
    return [...this.#fate]
      .filter(([offset, { committed }]) => committed && offset < this.lastStableOffset)
      .map(([o]) => o)
  }

  /** What a fetch from `from` is answered with: whole batches below the last stable offset, and what was aborted in them. */
  fetch(from: number, maxBatches: number): { bytes: Buffer; aborted: AbortedTransaction[] } {
    const given = this.batches
      .filter(({ first, last }) => last >= from && first < this.lastStableOffset)
      .slice(0, maxBatches)
    const upper = given.at(-1)?.last ?? from
    return {
      bytes: Buffer.concat(given.map(({ bytes }) => bytes)),
      aborted: this.aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset <= upper),
    }
  }

  #add(bytes: Buffer, count: number): void {
    this.batches.push({ bytes, first: this.#end, last: this.#end + count - 1 })
    this.#end += count
  }
}

function batchOf(count: number, baseOffset: number, codec: Codec, produced: Partial<SealOptions>): Buffer {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < count; i++) builder.append(null, Buffer.from(`record ${baseOffset + i}`), 1000 + i)
  const compress = codec === 'none' ? {} : { compress: compressors[codec] }
  const batch = Buffer.from(builder.seal({ crc32c: (data) => crc32c(data), codec, ...compress, ...produced }))
  writeInt64(batch, baseOffset, BATCH_FIELD.baseOffset)
  return batch
}

function marker(producerId: number, commit: boolean, baseOffset: number): Buffer {
  const builder = new RecordBatchBuilder()
  builder.append(Buffer.from([0, 0, 0, commit ? 1 : 0]), Buffer.alloc(6), 5)
  const batch = Buffer.from(builder.seal({ crc32c: (data) => crc32c(data), producerId, isTransactional: true }))
  writeInt64(batch, baseOffset, BATCH_FIELD.baseOffset)
  batch.writeInt16BE(BATCH_ATTRIBUTE.control | BATCH_ATTRIBUTE.transactional, BATCH_FIELD.attributes)
  batch.writeUInt32BE(crc32c(batch.subarray(BATCH_FIELD.attributes)), BATCH_FIELD.crc)
  return batch
}

async function readAll(log: Log, from: number, fetchSizes: readonly number[]): Promise<number[]> {
  const pool = new BlockBufferPool([])
  const read: number[] = []
  let next = from
  for (let fetch = 0; ; fetch++) {
    const { bytes, aborted } = log.fetch(next, fetchSizes[fetch % fetchSizes.length] as number)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const records = { partition: 't/0', buffer: bytes, view, start: 0, end: bytes.length, from: next, aborted }
    for await (const { buffers, next: upTo } of decodeBatches(records, pool, (data) => crc32c(data))) {
      const block = pool.block(buffers, 't/0', upTo)
      for (let i = 0; i < block.count; i++) {
        expect(Buffer.from(valueAt(block.values, i) as Uint8Array).toString()).toBe(`record ${block.ordinals[i]}`)
        read.push(block.ordinals[i] as number)
      }
      block.release()
    }
    const reached = reachOf(bytes, 0, bytes.length, { next, leaderEpoch: 0 }).next
    if (reached === next) return read
    next = reached
  }
}

const codec = fc.constantFrom<Codec>('none', 'gzip', 'snappy', 'lz4', 'zstd')
const producer = fc.integer({ min: 1, max: 3 })
const count = fc.integer({ min: 1, max: 4 })
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('transactional' as const), producer, count, codec }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), producer, commit: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain' as const), count, codec }) },
  ),
  { maxLength: 40 },
)

test('from any offset on, in fetches of any size: every committed record below the last stable offset, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.nat(),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 }),
      async (history, seed, sizes) => {
        const log = new Log()
        for (const step of history) log.apply(step)
        const from = seed % (log.lastStableOffset + 1)
        expect(await readAll(log, from, sizes)).toEqual(log.committedOffsets.filter((offset) => offset >= from))
      },
    ),
    { numRuns: 300 },
  )
})
