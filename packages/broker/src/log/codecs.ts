import { createRequire } from 'node:module'
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Codec } from '../protocol/index.ts'

/** No batch is unpacked to more: a few bytes could claim gigabytes. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024

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

/** The records of a batch as they are without a codec. Throws what the codec throws on damaged bytes. */
export function decompress(codec: Codec, records: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return records
    case 'gzip':
      return gunzipSync(records, { maxOutputLength: MAX_UNPACKED_BYTES })
    case 'zstd':
      return zstdDecompressSync(records, { maxOutputLength: MAX_UNPACKED_BYTES })
    case 'lz4':
      return lz4().decompressFrameSync(records)
    case 'snappy':
      return isXerial(records) ? decompressXerial(records) : uncompress(records)
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

/** What Java clients put around snappy, and expect: this magic, two versions of four bytes, then blocks behind their length. */
const XERIAL_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
const XERIAL_MAGIC_BYTES = 8

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

function decompressXerial(records: Buffer): Buffer {
  const blocks: Buffer[] = []
  for (let position = XERIAL_HEADER.length; position < records.length; ) {
    const start = position + 4
    const end = start + records.readInt32BE(position)
    if (end < start || end > records.length) throw new RangeError('a snappy block runs past the end of its batch')
    blocks.push(uncompress(records.subarray(start, end)))
    position = end
  }
  return Buffer.concat(blocks)
}

function uncompress(block: Buffer): Buffer {
  const plain = snappy().uncompressSync(block, { asBuffer: true })
  return typeof plain === 'string' ? Buffer.from(plain) : plain
}
