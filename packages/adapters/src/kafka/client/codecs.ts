import { promisify } from 'node:util'
import { gunzip, gunzipSync, gzipSync, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import type { Codec } from '@headrace/broker/protocol'
import { compressFrameSync, decompressFrame, decompressFrameSync } from 'lz4-napi'
import { compressSync, uncompress, uncompressSync } from 'snappy'

type Compressed = Exclude<Codec, 'none'>

/** What zlib and zstd write into at a time: their 16 KiB from the start make a thousand pieces of a large batch. */
const CHUNK_BYTES = { least: 16 * 1024, most: 1024 * 1024 }

const gunzipAside = promisify(gunzip)
const zstdAside = promisify(zstdDecompress)

/** The records of a batch as they were before its codec. Throws what the codec throws on damaged bytes. */
export function decompress(codec: Compressed, records: Buffer): Buffer {
  switch (codec) {
    case 'gzip':
      return gunzipSync(records, chunksFor(records))
    case 'zstd':
      return zstdDecompressSync(records, chunksFor(records))
    case 'lz4':
      return decompressFrameSync(records)
    case 'snappy':
      return isXerial(records) ? decompressXerial(records) : asBuffer(uncompressSync(records, { asBuffer: true }))
  }
}

/** The same on another thread: for batches so large that the wait for it is worth the free event loop. */
export async function decompressAside(codec: Compressed, records: Buffer): Promise<Buffer> {
  switch (codec) {
    case 'gzip':
      return gunzipAside(records, chunksFor(records))
    case 'zstd':
      return zstdAside(records, chunksFor(records))
    case 'lz4':
      return decompressFrame(records)
    case 'snappy':
      if (!isXerial(records)) return asBuffer(await uncompress(records, { asBuffer: true }))
      return Buffer.concat(
        await Promise.all(
          [...xerialBlocks(records)].map(async (block) => asBuffer(await uncompress(block, { asBuffer: true }))),
        ),
      )
  }
}

function chunksFor({ length }: Buffer) {
  return { chunkSize: Math.min(CHUNK_BYTES.most, Math.max(CHUNK_BYTES.least, length * 4)) }
}

/** The records of a batch in a codec's form: snappy without Java's framing, which every reader must take too. */
export function compress(codec: Compressed, records: Buffer): Buffer {
  switch (codec) {
    case 'gzip':
      return gzipSync(records)
    case 'zstd':
      return zstdCompressSync(records)
    case 'lz4':
      return compressFrameSync(records)
    case 'snappy':
      return compressSync(records)
  }
}

/** What Java clients put around snappy: this magic, two versions of four bytes, then blocks behind their length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16

function isXerial(records: Buffer): boolean {
  return records.length >= XERIAL_HEADER_BYTES && XERIAL_MAGIC.compare(records, 0, XERIAL_MAGIC.length) === 0
}

function decompressXerial(records: Buffer): Buffer {
  const blocks = [...xerialBlocks(records)].map((block) => asBuffer(uncompressSync(block, { asBuffer: true })))
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks)
}

function* xerialBlocks(records: Buffer): Generator<Buffer> {
  for (let position = XERIAL_HEADER_BYTES; position < records.length; ) {
    const start = position + 4
    const end = start + records.readInt32BE(position)
    if (end < start || end > records.length) throw new RangeError('a snappy block runs past the end of its batch')
    yield records.subarray(start, end)
    position = end
  }
}

function asBuffer(plain: string | Buffer): Buffer {
  return typeof plain === 'string' ? Buffer.from(plain) : plain
}
