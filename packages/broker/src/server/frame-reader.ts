import { MalformedMessageError } from '../protocol/index.ts'

const SIZE_BYTES = 4

/** So many chunks that are small are put together, since each takes more than its bytes. */
const MANY_CHUNKS = 1024
const SMALL_CHUNK_BYTES = 4096

/**
 * Cuts a connection's bytes into frames: four bytes of size, then so many bytes. Memory is taken for bytes that have come, not for those
 * that a size promises.
 */
export class FrameReader {
  /** Sizes beyond it are refused. */
  maxFrameBytes: number
  #chunks: Buffer[] = []
  #bytes = 0
  /** The size of the frame that is coming, once its four bytes are there. */
  #expected: number | undefined

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes
  }

  /** Bytes that have come of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#bytes
  }

  /** Takes the next bytes, and calls `onFrame` with each frame that they complete. Throws `MalformedMessageError` for an impossible size. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#chunks.length > MANY_CHUNKS && this.#bytes < this.#chunks.length * SMALL_CHUNK_BYTES)
      this.#chunks = [Buffer.concat(this.#chunks)]
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) onFrame(frame)
  }

  #next(): Buffer | undefined {
    if (this.#expected === undefined) {
      if (this.#bytes < SIZE_BYTES) return undefined
      this.#expected = this.#checkedSize(this.#take(SIZE_BYTES))
    }
    if (this.#bytes < this.#expected) return undefined
    const frame = this.#take(this.#expected)
    this.#expected = undefined
    return frame
  }

  #checkedSize(start: Buffer): number {
    const size = start.readInt32BE(0)
    if (size >= 0 && size <= this.maxFrameBytes) return size
    const other = otherProtocol(start)
    throw new MalformedMessageError(
      other === undefined
        ? `a request of ${size} bytes: at most ${this.maxFrameBytes} are taken`
        : `${other} came to a listener for Kafka's protocol`,
    )
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

/** What a connection's first bytes say that it is, where that is a known mistake. */
function otherProtocol(start: Buffer): string | undefined {
  const isTlsHandshake = start[0] === 0x16 && start[1] === 0x03
  if (isTlsHandshake) return 'a TLS handshake'
  return /^(GET |POST|HEAD|PUT |OPTI)/.test(start.toString('latin1')) ? 'an HTTP request' : undefined
}
