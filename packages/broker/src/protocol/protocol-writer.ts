import { writeInt64 } from './int64.ts'

/**
 * Writes Kafka's primitive types. Small things go into a growing buffer; records are taken in by reference, so that what was read from a
 * segment file reaches the socket without being copied.
 */
export class ProtocolWriter {
  #buffer: Buffer
  #start = 0
  #end = 0
  readonly #chunks: Buffer[] = []
  #chunkBytes = 0

  constructor(capacityBytes = 512) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes)
  }

  get sizeBytes(): number {
    return this.#chunkBytes + this.#end - this.#start
  }

  /** Everything written, in order. The writer must not be used afterwards. */
  finish(): Buffer[] {
    this.#closeChunk()
    return this.#chunks
  }

  int8(value: number): void {
    const position = this.#reserve(1)
    this.#buffer.writeInt8(value, position)
  }
  int16(value: number): void {
    const position = this.#reserve(2)
    this.#buffer.writeInt16BE(value, position)
  }
  int32(value: number): void {
    const position = this.#reserve(4)
    this.#buffer.writeInt32BE(value, position)
  }
  int64(value: number): void {
    const position = this.#reserve(8)
    writeInt64(this.#buffer, value, position)
  }
  float64(value: number): void {
    const position = this.#reserve(8)
    this.#buffer.writeDoubleBE(value, position)
  }
  uuid(value: string): void {
    const position = this.#reserve(16)
    this.#buffer.write(value.replaceAll('-', ''), position, 16, 'hex')
  }

  unsignedVarint(value: number): void {
    let rest = value >>> 0
    let position = this.#reserve(unsignedVarintBytes(rest))
    while (rest >= 0x80) {
      this.#buffer[position++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[position] = rest
  }

  string(value: string | null, flexible: boolean): void {
    const length = value === null ? -1 : Buffer.byteLength(value)
    if (flexible) this.unsignedVarint(length + 1)
    else this.int16(length)
    if (value === null) return
    const position = this.#reserve(length)
    this.#buffer.write(value, position, length, 'utf8')
  }

  bytes(value: Uint8Array | null, flexible: boolean): void {
    this.#length(value === null ? -1 : value.length, flexible)
    if (value !== null) this.raw(value)
  }

  /** Record batches by reference: their bytes must stay as they are until they have been sent. */
  records(value: Buffer | readonly Buffer[] | null, flexible: boolean): void {
    const buffers = value === null || Array.isArray(value) ? ((value ?? []) as readonly Buffer[]) : [value as Buffer]
    const bytes = buffers.reduce((total, buffer) => total + buffer.length, 0)
    this.#length(value === null ? -1 : bytes, flexible)
    if (bytes === 0) return
    this.#closeChunk()
    this.#chunks.push(...buffers)
    this.#chunkBytes += bytes
  }

  arrayLength(length: number | null, flexible: boolean): void {
    this.#length(length ?? -1, flexible)
  }

  raw(value: Uint8Array): void {
    const position = this.#reserve(value.length)
    this.#buffer.set(value, position)
  }

  /** A tagged field: its number, the size of what `write` writes, and that. */
  taggedField(tag: number, write: (writer: ProtocolWriter) => void): void {
    const content = new ProtocolWriter(128)
    write(content)
    this.unsignedVarint(tag)
    this.unsignedVarint(content.sizeBytes)
    for (const chunk of content.finish()) this.raw(chunk)
  }

  #length(length: number, flexible: boolean): void {
    if (flexible) this.unsignedVarint(length + 1)
    else this.int32(length)
  }

  #closeChunk(): void {
    if (this.#end === this.#start) return
    this.#chunks.push(this.#buffer.subarray(this.#start, this.#end))
    this.#chunkBytes += this.#end - this.#start
    this.#start = this.#end
  }

  // Growing replaces the buffer: reserve first, then name `#buffer`.
  #reserve(bytes: number): number {
    if (this.#end + bytes > this.#buffer.length) {
      const kept = this.#end - this.#start
      const grown = Buffer.allocUnsafe(Math.max(kept + bytes, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, this.#start, this.#end)
      this.#buffer = grown
      this.#start = 0
      this.#end = kept
    }
    const position = this.#end
    this.#end += bytes
    return position
  }
}

function unsignedVarintBytes(value: number): number {
  return Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7))
}
