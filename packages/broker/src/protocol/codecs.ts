import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import {
  constants,
  gunzip,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import type { Codec } from './record-batch.ts'
import { lz4FitsInto, snappyUnpackedBytes } from './unpacked-size.ts'

/**
 * No batch is unpacked to more. A few bytes can claim gigabytes; batches that are meant have some megabytes, and where a topic allows
 * large ones of text that packs well, a hundred. The process that unpacks it has to hold it at one time.
 */
export const MAX_UNPACKED_BYTES = 256 * 1024 * 1024

/** The records of a batch would take more memory than is given to one batch. */
export class UnpackedTooLargeError extends Error {
  constructor(limitBytes: number, options?: ErrorOptions) {
    super(`unpacked it has more than ${limitBytes} bytes`, options)
    this.name = 'UnpackedTooLargeError'
  }
}

/** What zlib and zstd write into at a time: their 16 KiB from the start make a thousand pieces of a large batch. */
const CHUNK_BYTES = { least: 16 * 1024, most: 1024 * 1024 }

const gunzipAside = promisify(gunzip)
const zstdAside = promisify(zstdDecompress)

// Loaded when a batch first needs them: few brokers ever look inside of one.
const require = createRequire(import.meta.url)
let lz4Loaded: typeof import('lz4-napi') | undefined
let snappyLoaded: typeof import('snappy') | undefined

function lz4(): typeof import('lz4-napi') {
  lz4Loaded ??= require('lz4-napi') as typeof import('lz4-napi')
  return lz4Loaded
}

function snappy(): typeof import('snappy') {
  snappyLoaded ??= require('snappy') as typeof import('snappy')
  return snappyLoaded
}

/**
 * The records of a batch as they are without a codec. Throws `UnpackedTooLargeError`, having taken no more memory than that, or what the
 * codec throws on damaged bytes.
 */
export function decompress(codec: Codec, records: Buffer, maxBytes = MAX_UNPACKED_BYTES): Buffer {
  switch (codec) {
    case 'none':
      return records
    case 'gzip':
      return withinLimit(maxBytes, () => gunzipSync(records, zlibOptions(records, maxBytes)))
    case 'zstd':
      return withinLimit(maxBytes, () => zstdDecompressSync(records, zlibOptions(records, maxBytes)))
    case 'lz4':
      assertLz4Fits(records, maxBytes)
      return lz4().decompressFrameSync(records)
    case 'snappy':
      return joined(snappyBlocks(records, maxBytes).map((block) => asBuffer(snappy().uncompressSync(block, AS_BUFFER))))
  }
}

/** The same on another thread: for batches so large that the wait for it is worth the free event loop. */
export async function decompressAside(codec: Codec, records: Buffer, maxBytes = MAX_UNPACKED_BYTES): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return records
    case 'gzip':
      return gunzipAside(records, zlibOptions(records, maxBytes)).catch((error) => tooLargeOr(error, maxBytes))
    case 'zstd':
      return zstdAside(records, zlibOptions(records, maxBytes)).catch((error) => tooLargeOr(error, maxBytes))
    case 'lz4':
      assertLz4Fits(records, maxBytes)
      return lz4().decompressFrame(records)
    case 'snappy': {
      const blocks = snappyBlocks(records, maxBytes)
      return joined(
        await Promise.all(blocks.map(async (block) => asBuffer(await snappy().uncompress(block, AS_BUFFER)))),
      )
    }
  }
}

/** `level` is the codec's own default where it is undefined; snappy and lz4 have only one. */
export function compress(codec: Codec, records: Buffer, level?: number): Buffer {
  switch (codec) {
    case 'none':
      return records
    case 'gzip':
      return gzipSync(records, level === undefined ? {} : { level })
    case 'zstd':
      return zstdCompressSync(records, { params: { [constants.ZSTD_c_compressionLevel]: level ?? 3 } })
    case 'lz4':
      return lz4().compressFrameSync(records)
    case 'snappy':
      return xerialOf(snappy().compressSync(records))
  }
}

function zlibOptions({ length }: Buffer, maxOutputLength: number) {
  return { maxOutputLength, chunkSize: Math.min(CHUNK_BYTES.most, Math.max(CHUNK_BYTES.least, length * 4)) }
}

function withinLimit(maxBytes: number, unpack: () => Buffer): Buffer {
  try {
    return unpack()
  } catch (error) {
    return tooLargeOr(error, maxBytes)
  }
}

function tooLargeOr(error: unknown, maxBytes: number): never {
  const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
  throw isTooLarge ? new UnpackedTooLargeError(maxBytes, { cause: error }) : error
}

function assertLz4Fits(records: Buffer, maxBytes: number): void {
  if (!lz4FitsInto(records, maxBytes)) throw new UnpackedTooLargeError(maxBytes)
}

/** What Java clients put around snappy, and expect: this magic, two versions of four bytes, then blocks behind their length. */
const XERIAL_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
const XERIAL_MAGIC_BYTES = 8

const AS_BUFFER = { asBuffer: true } as const

function isXerial(records: Buffer): boolean {
  return (
    records.length >= XERIAL_HEADER.length &&
    XERIAL_HEADER.compare(records, 0, XERIAL_MAGIC_BYTES, 0, XERIAL_MAGIC_BYTES) === 0
  )
}

function xerialOf(block: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(block.length)
  return Buffer.concat([XERIAL_HEADER, length, block])
}

/** The blocks that snappy has packed, of which all together unpack to at most `maxBytes`. */
function snappyBlocks(records: Buffer, maxBytes: number): Buffer[] {
  const blocks = isXerial(records) ? xerialBlocks(records) : [records]
  const bytes = blocks.reduce((sum, block) => sum + snappyUnpackedBytes(block), 0)
  if (bytes > maxBytes) throw new UnpackedTooLargeError(maxBytes)
  return blocks
}

function xerialBlocks(records: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  for (let position = XERIAL_HEADER.length; position < records.length; ) {
    const start = position + 4
    const end = start + records.readInt32BE(position)
    if (end < start || end > records.length) throw new RangeError('a snappy block runs past the end of its batch')
    blocks.push(records.subarray(start, end))
    position = end
  }
  return blocks
}

function joined(blocks: readonly Buffer[]): Buffer {
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks)
}

function asBuffer(plain: string | Buffer): Buffer {
  return typeof plain === 'string' ? Buffer.from(plain) : plain
}
