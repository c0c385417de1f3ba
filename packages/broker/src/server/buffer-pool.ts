/** Smaller ones cost less to make than to keep. */
const SMALLEST_BYTES = 16 * 1024
const LARGEST_BYTES = 8 * 1024 * 1024

/** What is not used for so long is given back to the system. */
const KEEP_MS = 5000

/**
 * Buffers for records on their way from a file to a socket. Fresh memory of that size costs more than reading into it: the system fills it
 * with zeros, and collecting it takes a part of every second.
 */
export class BufferPool {
  readonly #maxFreeBytes: number
  readonly #free = new Map<number, Buffer[]>()
  #freeBytes = 0
  #timer: NodeJS.Timeout | undefined

  /** `maxFreeBytes`: more is not kept for later. */
  constructor(maxFreeBytes: number) {
    this.#maxFreeBytes = maxFreeBytes
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  /** A buffer of at least `bytes` with anything in it. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES || bytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(bytes)
    const size = 2 ** Math.ceil(Math.log2(bytes))
    const free = this.#free.get(size)?.pop()
    if (free === undefined) return Buffer.allocUnsafeSlow(size)
    this.#freeBytes -= size
    return free
  }

  /** Takes back what `take` gave. Nobody may read or write it any more. */
  give(buffer: Buffer): void {
    const size = buffer.length
    const isOurs = size >= SMALLEST_BYTES && size <= LARGEST_BYTES && Number.isInteger(Math.log2(size))
    if (!isOurs || this.#freeBytes + size > this.#maxFreeBytes) return
    const others = this.#free.get(size)
    if (others) others.push(buffer)
    else this.#free.set(size, [buffer])
    this.#freeBytes += size
    this.#timer ??= setTimeout(() => this.#forget(), KEEP_MS).unref()
  }

  #forget(): void {
    this.#timer = undefined
    this.#free.clear()
    this.#freeBytes = 0
  }
}
