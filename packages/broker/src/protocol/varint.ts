const MAX_INT32 = 0x7fff_ffff
const MIN_INT32 = -0x8000_0000

/** Bytes that `value` takes as a zigzag VARINT or VARLONG. */
export function varintBytes(value: number): number {
  if (value >= -0x40 && value < 0x40) return 1
  if (value >= -0x2000 && value < 0x2000) return 2
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

/** Where `readVarint` last ended. A second result without an object or an argument: it runs five times per record. */
export let afterVarint = 0

/** The zigzag VARINT or VARLONG at `position`, exact within ±2^52; `afterVarint` is the position after it. Past the buffer's end it reads zeros. */
export function readVarint(buffer: Buffer, position: number): number {
  const first = buffer[position] as number
  if (first < 0x80) {
    afterVarint = position + 1
    return (first >>> 1) ^ -(first & 1)
  }
  const second = buffer[position + 1] as number
  if (second < 0x80) {
    afterVarint = position + 2
    const raw = (first & 0x7f) | (second << 7)
    return (raw >>> 1) ^ -(raw & 1)
  }
  return readLongVarint(buffer, position)
}

function readLongVarint(buffer: Buffer, position: number): number {
  let raw = 0
  let scale = 1
  for (let shift = 0; shift < 10; shift++) {
    const byte = buffer[position++] ?? 0
    raw += (byte & 0x7f) * scale
    if (byte < 0x80) break
    scale *= 0x80
  }
  afterVarint = position
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
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
