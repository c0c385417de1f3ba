import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Dispatcher, Endpoint } from './dispatcher.ts'
import { FrameReader } from './frame-reader.ts'

/** No more is read from a connection while it has so many requests, or bytes of requests, that are not answered. */
const MAX_REQUESTS_IN_FLIGHT = 16
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024

interface Outcome {
  readonly chunks?: Buffer[] | null
  readonly failure?: unknown
}

/**
 * One client's connection. Requests are begun in the order in which they come and answered in that order; a client that does not read its
 * answers is not read from either.
 */
export class Connection {
  readonly #socket: Socket
  readonly #dispatcher: Dispatcher
  readonly #frames: FrameReader
  readonly #gone = new AbortController()
  readonly #endpoint: Endpoint
  readonly #onError: (error: unknown) => void
  #answered: Promise<void> = Promise.resolve()
  #requestsInFlight = 0
  #bytesInFlight = 0

  constructor(
    socket: Socket,
    dispatcher: Dispatcher,
    options: {
      readonly endpoint: Endpoint
      readonly maxRequestBytes: number
      readonly onError: (error: unknown) => void
    },
  ) {
    this.#socket = socket
    this.#dispatcher = dispatcher
    this.#frames = new FrameReader(options.maxRequestBytes)
    this.#endpoint = options.endpoint
    this.#onError = options.onError
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('close', () => this.#gone.abort())
    // A reset is how many clients hang up; 'close' follows.
    socket.on('error', () => socket.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    try {
      this.#frames.push(chunk, (frame) => this.#serve(frame))
    } catch (error) {
      this.#fail(error)
    }
  }

  #serve(frame: Buffer): void {
    this.#requestsInFlight++
    this.#bytesInFlight += frame.length
    if (this.#isBusy) this.#socket.pause()
    const outcome = this.#outcomeOf(frame)
    this.#answered = this.#answered.then(async () => {
      await this.#answer(await outcome)
      this.#requestsInFlight--
      this.#bytesInFlight -= frame.length
      if (!this.#isBusy) this.#socket.resume()
    })
  }

  // Never rejects: it may have to wait for the answers before it, with nobody listening yet.
  #outcomeOf(frame: Buffer): Promise<Outcome> {
    const clientHost = `/${this.#socket.remoteAddress ?? ''}`
    const client = { clientHost, endpoint: this.#endpoint, signal: this.#gone.signal }
    return this.#dispatcher.dispatch(frame, client).then(
      (chunks) => ({ chunks }),
      (failure: unknown) => ({ failure }),
    )
  }

  async #answer({ chunks, failure }: Outcome): Promise<void> {
    if (this.#socket.destroyed) return
    if (failure !== undefined) return this.#fail(failure)
    if (!chunks) return
    this.#socket.cork()
    for (const chunk of chunks) this.#socket.write(chunk)
    this.#socket.uncork()
    if (this.#socket.writableNeedDrain) await this.#drained()
  }

  async #drained(): Promise<void> {
    try {
      await once(this.#socket, 'drain', { signal: this.#gone.signal })
    } catch (error) {
      // Gone instead of drained: there is nobody left to answer.
      if (!this.#gone.signal.aborted) throw error
    }
  }

  get #isBusy(): boolean {
    return this.#requestsInFlight >= MAX_REQUESTS_IN_FLIGHT || this.#bytesInFlight >= MAX_BYTES_IN_FLIGHT
  }

  #fail(error: unknown): void {
    this.#onError(error)
    this.#socket.destroy()
  }
}
