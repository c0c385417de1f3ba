import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Codec } from '@headrace/broker/protocol'
import { decompressFrameSync } from 'lz4-napi'
import { uncompressSync } from 'snappy'

/** The records of a batch as they were before its codec. Throws what the codec throws on damaged bytes. */
export function decompress(codec: Exclude<Codec, 'none'>, records: Buffer): Buffer {
  return decompressors[codec](records)
}

const decompressors: Record<Exclude<Codec, 'none'>, (records: Buffer) => Buffer> = {
  gzip: (records) => gunzipSync(records),
  snappy: (records) => (isXerial(records) ? decompressXerial(records) : uncompress(records)),
  lz4: (records) => decompressFrameSync(records),
  zstd: (records) => zstdDecompressSync(records),
}

/** What Java clients put around snappy: this magic, two versions of four bytes, then blocks behind their length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16

function isXerial(records: Buffer): boolean {
  return records.length >= XERIAL_HEADER_BYTES && XERIAL_MAGIC.compare(records, 0, XERIAL_MAGIC.length) === 0
}

function decompressXerial(records: Buffer): Buffer {
  const blocks: Buffer[] = []
  let position = XERIAL_HEADER_BYTES
  while (position < records.length) {
    const start = position + 4
    const end = start + records.readInt32BE(position)
    if (end < start || end > records.length) throw new RangeError('a snappy block runs past the end of its batch')
    blocks.push(uncompress(records.subarray(start, end)))
    position = end
  }
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks)
}

function uncompress(block: Buffer): Buffer {
  const plain = uncompressSync(block, { asBuffer: true })
  return typeof plain === 'string' ? Buffer.from(plain) : plain
}
