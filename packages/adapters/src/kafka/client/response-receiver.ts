/** Room behind a response, for a copy that reads on to the end of an eight-byte word. */
const SLACK_BYTES = 8

const LENGTH_BYTES = 4

/** Responses up to here share one size of buffer: polls that brought little or nothing. */
const SMALL_BYTES = 128 * 1024

/** Beyond this it is no length: a TLS server's answer to plain text, read as one, is 336 MiB. */
const ABSURD_BYTES = 256 * 1024 * 1024

/** A response as it came, without its length, in a buffer to be given back. */
export interface ReceivedResponse {
  readonly message: Buffer
  /** The same bytes. */
  readonly view: DataView
  release(): void
}

/** The peer sends what cannot be a Kafka response. */
export class NotKafkaError extends Error {
  override readonly name = 'NotKafkaError'
}

/** Buffers for responses, used again and again: a few of each of two sizes. Larger responses get their own. */
export class ResponseBufferPool {
  readonly #largeBytes: number
  readonly #keep: number
  readonly #small: Buffer[] = []
  readonly #large: Buffer[] = []

  /** `largeBytes`: what an ordinary full response takes; 0 where none is expected. */
  constructor(largeBytes: number, keep = 4) {
    this.#largeBytes = largeBytes
    this.#keep = keep
  }

  take(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES + SLACK_BYTES)
    if (bytes <= this.#largeBytes) return this.#large.pop() ?? Buffer.allocUnsafeSlow(this.#largeBytes + SLACK_BYTES)
    return Buffer.allocUnsafeSlow(bytes + SLACK_BYTES)
  }

  give(buffer: Buffer): void {
    const bytes = buffer.length - SLACK_BYTES
    const list = bytes === SMALL_BYTES ? this.#small : bytes === this.#largeBytes ? this.#large : undefined
    if (list !== undefined && list.length < this.#keep) list.push(buffer)
  }
}

/**
 * Puts responses together where they will be decoded: the socket reads straight into `space()`. First come the four bytes
 * of the length, so that a buffer is taken only for a response that is there, and of the right size.
 */
export class ResponseReceiver {
  readonly #pool: ResponseBufferPool
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #message: Buffer | undefined
  #size = 0
  #filled = 0

  constructor(pool: ResponseBufferPool) {
    this.#pool = pool
  }

  /** Where the next bytes go; never empty. */
  space(): Buffer {
    return this.#message === undefined
      ? this.#length.subarray(this.#filled)
      : this.#message.subarray(this.#filled, this.#size)
  }

  /** So many bytes were put into `space()`. Returns the response that they complete. Throws `NotKafkaError`. */
  received(bytes: number): ReceivedResponse | undefined {
    this.#filled += bytes
    if (this.#message === undefined) {
      if (this.#filled === LENGTH_BYTES) this.#begin(this.#length.readInt32BE())
      return undefined
    }
    return this.#filled === this.#size ? this.#complete(this.#message, this.#size) : undefined
  }

  /** Copies bytes that came in a buffer of their own, as TLS gives them. */
  *append(chunk: Buffer): Generator<ReceivedResponse> {
    for (let position = 0; position < chunk.length; ) {
      const copied = chunk.copy(this.space(), 0, position)
      position += copied
      const response = this.received(copied)
      if (response !== undefined) yield response
    }
  }

  #begin(size: number): void {
    if (size < LENGTH_BYTES || size > ABSURD_BYTES) {
      throw new NotKafkaError('what answers does not speak Kafka in plain text (does it want `ssl`?)')
    }
    this.#message = this.#pool.take(size)
    this.#size = size
    this.#filled = 0
  }

  #complete(buffer: Buffer, size: number): ReceivedResponse {
    this.#message = undefined
    this.#filled = 0
    return {
      message: buffer.subarray(0, size),
      view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length),
      release: () => this.#pool.give(buffer),
    }
  }
}
