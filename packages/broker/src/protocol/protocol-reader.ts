import { MalformedMessageError } from './errors.ts'
import { readInt64 } from './int64.ts'

/** Reads Kafka's primitive types from one message. Every read is checked against its end: `MalformedMessageError` beyond it. */
export class ProtocolReader {
  readonly buffer: Buffer
  position: number

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer
    this.position = position
  }

  get remaining(): number {
    return this.buffer.length - this.position
  }

  int8(): number {
    return this.buffer.readInt8(this.#advance(1))
  }
  int16(): number {
    return this.buffer.readInt16BE(this.#advance(2))
  }
  int32(): number {
    return this.buffer.readInt32BE(this.#advance(4))
  }
  int64(): number {
    return readInt64(this.buffer, this.#advance(8))
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#advance(8))
  }

  /** A UUID in its usual form of 36 characters. */
  uuid(): string {
    const start = this.#advance(16)
    const hex = this.buffer.toString('hex', start, start + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.#advance(1)] ?? 0
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new MalformedMessageError('a varint is longer than five bytes')
  }

  string(flexible: boolean): string | null {
    const length = flexible ? this.unsignedVarint() - 1 : this.int16()
    if (length < 0) return null
    const start = this.#advance(length)
    return this.buffer.toString('utf8', start, start + length)
  }

  /** A view of the message's own bytes: copy it to keep it beyond the request. */
  bytes(flexible: boolean): Buffer | null {
    const length = flexible ? this.unsignedVarint() - 1 : this.int32()
    if (length < 0) return null
    const start = this.#advance(length)
    return this.buffer.subarray(start, start + length)
  }

  /** The number of elements that follow, or null. More than there are bytes left is refused before anything is made for them. */
  arrayLength(flexible: boolean): number | null {
    const length = flexible ? this.unsignedVarint() - 1 : this.int32()
    if (length < 0) return null
    if (length > this.remaining) throw new MalformedMessageError(`an array claims ${length} elements`)
    return length
  }

  /** Calls `read` with each tagged field's number; the position is moved past the field whatever `read` took of it. */
  taggedFields(read: (tag: number) => void): void {
    for (let left = this.unsignedVarint(); left > 0; left--) {
      const tag = this.unsignedVarint()
      const end = this.unsignedVarint() + this.position
      if (end > this.buffer.length) throw new MalformedMessageError(`tagged field ${tag} runs past the end`)
      read(tag)
      this.position = end
    }
  }

  #advance(bytes: number): number {
    const start = this.position
    if (bytes > this.buffer.length - start)
      throw new MalformedMessageError(`the message ends ${start + bytes - this.buffer.length} bytes too early`)
    this.position = start + bytes
    return start
  }
}
