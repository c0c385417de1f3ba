/** What lz4 and snappy unpack to, by the bytes that they are packed in: so that room is made for it only where it may be. */

const LZ4_MAGIC = 0x184d_2204
const FLAG = { dictionary: 0x01, contentSize: 0x08, blockChecksum: 0x10 } as const
const UNCOMPRESSED_BLOCK = 0x8000_0000

/** Gives the bytes that a compressed block comes to. `most` is what its frame allows for one. */
type MeasureBlock = (frame: Buffer, start: number, end: number, most: number) => number

/** Whether an LZ4 frame unpacks to at most `limit` bytes. What follows it does not count. Throws `RangeError` for what is none. */
export function lz4FitsInto(frame: Buffer, limit: number): boolean {
  // Mostly there are few blocks, and a look at their headers is enough.
  return frameFitsInto(frame, limit, mostOfBlock) || frameFitsInto(frame, limit, bytesOfBlock)
}

function frameFitsInto(frame: Buffer, limit: number, measure: MeasureBlock): boolean {
  if (frame.readUInt32LE(0) !== LZ4_MAGIC) throw new RangeError('there is no LZ4 frame')
  const flags = frame.readUInt8(4)
  const most = mostBytesOf(frame.readUInt8(5))
  const hasSize = (flags & FLAG.contentSize) !== 0
  if (hasSize && frame.readBigUInt64LE(6) > limit) return false
  const checksumBytes = (flags & FLAG.blockChecksum) === 0 ? 0 : 4
  let position = 7 + (hasSize ? 8 : 0) + ((flags & FLAG.dictionary) === 0 ? 0 : 4)
  let total = 0
  for (;;) {
    const header = frame.readUInt32LE(position)
    if (header === 0) return true
    const isPlain = header >= UNCOMPRESSED_BLOCK
    const start = position + 4
    const end = start + (isPlain ? header - UNCOMPRESSED_BLOCK : header)
    if (end > frame.length) throw new RangeError('an LZ4 block runs past the end of its batch')
    total += isPlain ? end - start : measure(frame, start, end, most)
    if (total > limit) return false
    position = end + checksumBytes
  }
}

/** What one block may unpack to, by the frame's descriptor: 4 to 7 stand for 64 KiB to 4 MiB. */
function mostBytesOf(descriptor: number): number {
  const size = (descriptor >> 4) & 0x07
  if (size < 4) throw new RangeError(`an LZ4 frame with blocks of size ${size}`)
  return 1 << (8 + 2 * size)
}

const mostOfBlock: MeasureBlock = (_frame, _start, _end, most) => most

/** Adds up the lengths in a block: literals, then a match behind an offset of two bytes, again and again; literals at the end. */
const bytesOfBlock: MeasureBlock = (frame, start, end) => {
  let total = 0
  let position = start
  // Lengths of 15 and more go on in further bytes, up to the first that is not 255.
  const length = (first: number) => {
    let sum = first
    if (first < 15) return sum
    for (let byte = 255; byte === 255; sum += byte) byte = frame.readUInt8(position++)
    return sum
  }
  while (position < end) {
    const token = frame.readUInt8(position++)
    const literals = length(token >> 4)
    position += literals
    total += literals
    if (position >= end) break
    position += 2
    total += length(token & 0x0f) + 4
  }
  return total
}

/** What a snappy block says it unpacks to, in up to five bytes in front; the decoder holds it to that. */
export function snappyUnpackedBytes(block: Buffer): number {
  let bytes = 0
  for (let index = 0; index < 5; index++) {
    const byte = block.readUInt8(index)
    bytes += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return bytes
  }
  throw new RangeError('a snappy block without a length')
}
