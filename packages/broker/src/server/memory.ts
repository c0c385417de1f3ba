import { BufferPool } from './buffer-pool.ts'
import { ClientFault } from './client-fault.ts'

/** A connection whose requests take no more than this is never refused memory. */
const ALWAYS_GRANTED_REQUEST_BYTES = 1024 * 1024

/** Bytes of requests that all connections together hold. */
export class RequestMemory {
  readonly #maxBytes: number
  #usedBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Changes what one connection holds. Throws `ClientFault` where that is too much; what it held before still counts then. */
  change(beforeBytes: number, afterBytes: number): void {
    const used = this.#usedBytes + afterBytes - beforeBytes
    const isGrowing = afterBytes > beforeBytes
    if (isGrowing && used > this.#maxBytes && afterBytes > ALWAYS_GRANTED_REQUEST_BYTES)
      throw new ClientFault('memory', `requests of all clients together exceed ${this.#maxBytes} bytes`)
    this.#usedBytes = used
  }
}

/** What one response may take even where there is no memory left: its client has to come forward. */
const ALWAYS_GRANTED_RESPONSE_BYTES = 64 * 1024

/** More is not read for one response, whatever its client would take: Kafka's fetch.max.bytes, with less in it. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024

/** Kept for the responses to come. */
const MAX_FREE_BYTES = 16 * 1024 * 1024

/** Bytes of records, of all connections together, that were read and wait to be sent. */
export class ResponseMemory {
  readonly #maxBytes: number
  readonly #pool = new BufferPool(MAX_FREE_BYTES)
  #usedBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  lease(): ResponseLease {
    let held = 0
    let buffers: Buffer[] = []
    const hold = (bytes: number) => {
      held += bytes
      this.#usedBytes += bytes
    }
    return {
      reserve: (wantedBytes) => {
        const left = Math.max(this.#maxBytes - this.#usedBytes, ALWAYS_GRANTED_RESPONSE_BYTES)
        const granted = Math.max(0, Math.min(wantedBytes, left, MAX_RESPONSE_BYTES - held))
        hold(granted)
        return granted
      },
      settle: (reservedBytes, takenBytes) => hold(takenBytes - reservedBytes),
      release: () => hold(-held),
      take: (bytes) => {
        const buffer = this.#pool.take(bytes)
        buffers.push(buffer)
        return buffer
      },
      recycle: () => {
        for (const buffer of buffers) this.#pool.give(buffer)
        buffers = []
      },
    }
  }
}

/** One response's part of the memory. It ends when the response has been sent. */
export interface ResponseLease {
  /** Sets aside up to `wantedBytes` for records that are about to be read; gives how many. Less, as memory gets scarce. */
  reserve(wantedBytes: number): number
  /** How many bytes were really read for a reservation. */
  settle(reservedBytes: number, takenBytes: number): void
  release(): void
  /** A buffer of at least `bytes` to read records into. */
  take(bytes: number): Buffer
  /** Gives the buffers to other responses: nobody may need a byte of them any more, the operating system neither. */
  recycle(): void
}
