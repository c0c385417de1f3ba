const MAX_INT32 = 0x7fff_ffff
const MIN_INT32 = -0x8000_0000

/** Bytes that `value` takes as a zigzag VARINT or VARLONG. */
export function varintBytes(value: number): number {
  let rest = zigzag(value)
  let bytes = 1
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80)
    bytes++
  }
  return bytes
}

/** Writes `value` as a zigzag VARINT or VARLONG at `position`; returns the position after it. Exact within ±2^52. */
export function writeVarint(buffer: Buffer, value: number, position: number): number {
  return value >= MIN_INT32 && value <= MAX_INT32
    ? writeVarint32(buffer, value, position)
    : writeVarlong(buffer, value, position)
}

function writeVarint32(buffer: Buffer, value: number, position: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest >= 0x80) {
    buffer[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[position++] = rest
  return position
}

function writeVarlong(buffer: Buffer, value: number, position: number): number {
  let rest = zigzag(value)
  while (rest >= 0x80) {
    buffer[position++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[position++] = rest
  return position
}

// Bit operators would cut a timestamp delta to 32 bits.
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}

/** Reads zigzag varints from front to back. For a few records, as a search by time needs; not for a hot path. */
export class VarintCursor {
  readonly buffer: Buffer
  position: number

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer
    this.position = position
  }

  /** The next VARINT or VARLONG. Throws `RangeError` at the buffer's end. */
  next(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.buffer[this.position++]
      if (byte === undefined) throw new RangeError('a varint runs past the end of its buffer')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 0x80
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}
