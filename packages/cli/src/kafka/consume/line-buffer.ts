/** Copies up to here are cheaper in JavaScript than a call of `Buffer.copy`. */
const SHORT_BYTES = 24

/** Bytes for the output, put together in one buffer that is used again and again. */
export class LineBuffer {
  #bytes = Buffer.allocUnsafe(1024 * 1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** A part of another buffer. */
  part(source: Buffer, start: number, length: number): void {
    this.#reserve(length)
    if (length > SHORT_BYTES) source.copy(this.#bytes, this.#length, start, start + length)
    else for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = source[start + i] as number
    this.#length += length
  }

  text(text: string): void {
    this.#reserve(text.length * 3)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** All that was written since the last time: a view that is good until more is written. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return taken
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}
