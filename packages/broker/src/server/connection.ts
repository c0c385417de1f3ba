import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fetch, MalformedMessageError } from '../protocol/index.ts'
import { MAX_UNAUTHENTICATED_REQUEST_BYTES, type SaslGate } from '../security/sasl-gate.ts'
import { ClientFault } from './client-fault.ts'
import type { Dispatcher, Endpoint } from './dispatcher.ts'
import type { FaultLog } from './fault-log.ts'
import { FrameReader } from './frame-reader.ts'
import type { Limits } from './limits.ts'
import type { RequestMemory, ResponseLease, ResponseMemory } from './memory.ts'

/** No more is read from a connection while it has so many requests, or bytes of requests, that are not answered. */
const MAX_REQUESTS_IN_FLIGHT = 16
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024

/** One for all: an error of its own for every connection that ends costs more than its end. */
const GONE = new Error('the connection is gone')

/** What all connections of a broker share. */
export interface ConnectionServices {
  readonly dispatcher: Dispatcher
  readonly limits: Limits
  readonly requestMemory: RequestMemory
  readonly responseMemory: ResponseMemory
  readonly faults: FaultLog
}

export interface ConnectionOptions extends ConnectionServices {
  readonly endpoint: Endpoint
  /** What stands before the connection until its client has authenticated. */
  readonly gate: SaslGate | undefined
}

const NOTHING = Buffer.alloc(0)

interface Outcome {
  readonly chunks?: Buffer[] | null
  /** Ends the connection, behind `chunks` where there are any. */
  readonly failure?: unknown
}

/**
 * One client's connection. Requests are begun in the order in which they come and answered in that order; a client that does not read its
 * answers is not read from either, and no records are read for it.
 */
export class Connection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #frames: FrameReader
  readonly #address: string
  readonly #gone = new AbortController()
  readonly #handshakeTimer: NodeJS.Timeout | undefined
  #answered: Promise<void> = Promise.resolve()
  #requestsInFlight = 0
  #bytesInFlight = 0
  #heldBytes = 0
  #isMidRequest = false
  /** Requests that have come and are not begun. */
  #requestsWaiting = 0
  /** Whether answers wait for the client to read those before them. */
  #isBlocked = false

  constructor(socket: Socket, options: ConnectionOptions) {
    const { gate, limits } = options
    this.#socket = socket
    this.#options = options
    this.#address = socket.remoteAddress ?? ''
    const maxFrameBytes = gate ? MAX_UNAUTHENTICATED_REQUEST_BYTES : limits.maxRequestBytes
    this.#frames = new FrameReader(Math.min(maxFrameBytes, limits.maxRequestBytes))
    this.#handshakeTimer = gate && setTimeout(() => this.#tooLate('to authenticate'), limits.maxHandshakeMs)
    socket.setTimeout(limits.maxIdleMs)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('timeout', () => this.#idle())
    socket.on('close', () => this.#closed())
    // A reset is how many clients hang up; 'close' follows.
    socket.on('error', () => socket.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#gone.signal.aborted) return
    try {
      this.#frames.push(chunk, (frame) => this.#serve(frame))
      this.#countMemory()
      this.#watchForStalls()
    } catch (error) {
      this.#fail(error)
    }
  }

  #serve(frame: Buffer): void {
    this.#requestsInFlight++
    this.#bytesInFlight += frame.length
    if (this.#isBusy) this.#socket.pause()
    const lease = this.#options.responseMemory.lease()
    const outcome = this.#outcomeOf(frame, lease)
    this.#answered = this.#answered.then(async () => {
      await this.#answer(await outcome, lease)
      lease.release()
      this.#requestsInFlight--
      this.#bytesInFlight -= frame.length
      this.#countMemory()
      if (!this.#isBusy) this.#socket.resume()
    })
  }

  // Never rejects: it may have to wait for the answers before it, with nobody listening yet.
  #outcomeOf(frame: Buffer, lease: ResponseLease): Promise<Outcome> {
    const begin = this.#mustWait(frame) ? this.#beginLater(frame, lease) : this.#begin(frame, lease)
    return begin.catch((failure: unknown) => ({ failure }))
  }

  /**
   * While it is not known who asks, each answer decides on the next request. No answer is made for a client that does not read, and no
   * records are read while others wait to be sent. Behind a request that waits all others do: they are begun in their order.
   */
  #mustWait(frame: Buffer): boolean {
    const isUnknown = this.#options.gate?.isOpen === false
    const isFetch = frame.length >= 2 && frame.readInt16BE(0) === fetch.key
    return isUnknown || this.#isBlocked || this.#requestsWaiting > 0 || (isFetch && this.#requestsInFlight > 1)
  }

  async #beginLater(frame: Buffer, lease: ResponseLease): Promise<Outcome> {
    this.#requestsWaiting++
    await this.#answered
    this.#requestsWaiting--
    return this.#begin(frame, lease)
  }

  async #begin(frame: Buffer, lease: ResponseLease): Promise<Outcome> {
    const { gate, dispatcher, endpoint, limits } = this.#options
    const clientHost = `/${this.#address}`
    const signal = this.#gone.signal
    if (signal.aborted) return {}
    const dispatch = (request: Buffer) => dispatcher.dispatch(request, { clientHost, endpoint, signal, memory: lease })
    if (gate === undefined || gate.isOpen) return { chunks: await dispatch(frame) }
    const { chunks, refusal } = await gate.answer(frame, dispatch)
    if (gate.isOpen) {
      clearTimeout(this.#handshakeTimer)
      this.#frames.maxFrameBytes = limits.maxRequestBytes
    }
    return refusal ? { chunks, failure: new ClientFault('authentication', this.#told(refusal.message)) } : { chunks }
  }

  async #answer({ chunks, failure }: Outcome, lease: ResponseLease): Promise<void> {
    if (this.#gone.signal.aborted) return
    if (chunks && chunks.length > 0) await this.#send(chunks, lease)
    if (failure !== undefined) this.#fail(failure)
  }

  async #send(chunks: readonly Buffer[], lease: ResponseLease): Promise<void> {
    this.#socket.cork()
    for (const chunk of chunks) this.#socket.write(chunk)
    // Behind all of it: only once the operating system has taken the answer may its buffers hold another.
    this.#socket.write(NOTHING, (error) => {
      if (!error) lease.recycle()
    })
    this.#socket.uncork()
    if (!this.#socket.writableNeedDrain) return
    this.#isBlocked = true
    try {
      await once(this.#socket, 'drain', { signal: this.#gone.signal })
    } catch (error) {
      // Gone instead of drained: there is nobody left to answer.
      if (!this.#gone.signal.aborted && !this.#socket.destroyed) throw error
    } finally {
      this.#isBlocked = false
    }
  }

  get #isBusy(): boolean {
    return this.#requestsInFlight >= MAX_REQUESTS_IN_FLIGHT || this.#bytesInFlight >= MAX_BYTES_IN_FLIGHT
  }

  #countMemory(): void {
    const held = this.#gone.signal.aborted ? 0 : this.#frames.pendingBytes + this.#bytesInFlight
    this.#options.requestMemory.change(this.#heldBytes, held)
    this.#heldBytes = held
  }

  /** Silence between requests is a client's right, for long; silence within one is not. */
  #watchForStalls(): void {
    const isMidRequest = this.#frames.pendingBytes > 0
    if (isMidRequest === this.#isMidRequest) return
    this.#isMidRequest = isMidRequest
    const { maxHandshakeMs, maxIdleMs } = this.#options.limits
    this.#socket.setTimeout(isMidRequest ? Math.min(maxHandshakeMs, maxIdleMs) : maxIdleMs)
  }

  #idle(): void {
    const isWaitingForUs = this.#requestsInFlight > 0 && !this.#socket.writableNeedDrain
    if (isWaitingForUs) return
    if (this.#isMidRequest) this.#tooLate('with the rest of a request')
    else this.#socket.destroy()
  }

  #tooLate(what: string): void {
    this.#fail(new ClientFault('stalled', this.#told(`it took too long ${what}`)))
  }

  #closed(): void {
    this.#gone.abort(GONE)
    clearTimeout(this.#handshakeTimer)
    this.#countMemory()
  }

  #fail(error: unknown): void {
    if (this.#gone.signal.aborted) return
    const isMalformed = error instanceof MalformedMessageError
    const fault = isMalformed ? new ClientFault('malformed', this.#told(error.message), { cause: error }) : error
    this.#options.faults.report(fault)
    // What has been written is sent before the end; a client that does not take it has a moment.
    this.#gone.abort(GONE)
    this.#socket.pause()
    this.#socket.end(() => this.#socket.destroy())
    this.#socket.setTimeout(1000, () => this.#socket.destroy())
  }

  #told(message: string): string {
    return `the connection from ${this.#address} was closed: ${message}`
  }
}
