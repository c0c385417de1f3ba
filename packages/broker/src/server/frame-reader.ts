import { MalformedMessageError } from '../protocol/index.ts'

const SIZE_BYTES = 4

/**
 * Cuts a connection's bytes into frames: four bytes of size, then so many bytes. Memory is taken for bytes that have come, not for those
 * that a size promises.
 */
export class FrameReader {
  readonly #maxFrameBytes: number
  #chunks: Buffer[] = []
  #bytes = 0
  /** The size of the frame that is coming, once its four bytes are there. */
  #expected: number | undefined

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Takes the next bytes, and calls `onFrame` with each frame that they complete. Throws `MalformedMessageError` for an impossible size. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) onFrame(frame)
  }

  #next(): Buffer | undefined {
    if (this.#expected === undefined) {
      if (this.#bytes < SIZE_BYTES) return undefined
      this.#expected = this.#checkedSize(this.#take(SIZE_BYTES).readInt32BE(0))
    }
    if (this.#bytes < this.#expected) return undefined
    const frame = this.#take(this.#expected)
    this.#expected = undefined
    return frame
  }

  #checkedSize(size: number): number {
    if (size < 0 || size > this.#maxFrameBytes)
      throw new MalformedMessageError(`a request of ${size} bytes: at most ${this.#maxFrameBytes} are taken`)
    return size
  }

  // A frame within one chunk is a view of it; one that came in several is put together once, when it is complete.
  #take(bytes: number): Buffer {
    const [first] = this.#chunks
    const joined = first !== undefined && first.length >= bytes ? first : Buffer.concat(this.#chunks)
    const rest = joined.subarray(bytes)
    this.#chunks = joined === first ? this.#chunks.slice(1) : []
    if (rest.length > 0) this.#chunks.unshift(rest)
    this.#bytes -= bytes
    return joined.subarray(0, bytes)
  }
}
