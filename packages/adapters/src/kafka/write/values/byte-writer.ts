const FIRST_BYTES = 1024
/** Up to here a number keeps its last bit when it is doubled. */
const DOUBLING_LIMIT = 2 ** 52

/** Bytes one after another, in a buffer that grows and is used again. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #at = 0

  /** What was written since the last reset: a view, good until the next one. */
  get written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  reset(): void {
    this.#at = 0
  }

  /** Its lowest eight bits. */
  byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#at++] = value
  }

  bytes(source: Uint8Array): void {
    this.#room(source.length)
    this.#buffer.set(source, this.#at)
    this.#at += source.length
  }

  copy(source: Buffer, start: number, end: number): void {
    this.#room(end - start)
    this.#at += source.copy(this.#buffer, this.#at, start, end)
  }

  uint32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeUInt32BE(value, this.#at)
  }

  float(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeFloatLE(value, this.#at)
  }

  double(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** Seven bits a byte, the lowest first; a negative number as its 64 bits. */
  varint(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0) {
      this.#wideVarint(BigInt.asUintN(64, BigInt(value)))
      return
    }
    this.#room(8)
    let rest = value
    for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) this.#buffer[this.#at++] = (rest % 128) | 0x80
    for (; rest >= 128; rest >>>= 7) this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
    this.#buffer[this.#at++] = rest
  }

  /** A varint in which small negative numbers are short too. */
  zigzag(value: number | bigint): void {
    if (typeof value === 'number' && Math.abs(value) < DOUBLING_LIMIT) {
      this.varint(value < 0 ? -2 * value - 1 : 2 * value)
    } else {
      const wide = BigInt(value)
      this.#wideVarint(BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)))
    }
  }

  /** Begins a part whose length in bytes goes before it; give the result to `close`. */
  open(): number {
    this.byte(0)
    return this.#at
  }

  close(start: number): void {
    const length = this.#at - start
    let extra = 0
    for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) extra++
    this.#room(extra)
    if (extra > 0) this.#buffer.copyWithin(start + extra, start, this.#at)
    this.#at = start - 1
    this.varint(length)
    this.#at = start + extra + length
  }

  #wideVarint(value: bigint): void {
    this.#room(10)
    let rest = value
    for (; rest >= 128n; rest >>= 7n) this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80
    this.#buffer[this.#at++] = Number(rest)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#at + bytes))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}
