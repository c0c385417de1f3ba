import { connect, type Socket } from 'node:net'
import { type Encodable, encodeRequest, fetch } from '@headrace/broker/protocol'
import { type BrokerAddress, CONNECT_TIMEOUT_MS, type KafkaClient } from './client.ts'
import { type ReceivedResponse, type ResponseBufferPool, ResponseReceiver } from './response-receiver.ts'

/** A broker that is silent for so long has gone: a poll that finds nothing is answered in half a second. */
const SILENCE_MS = 30_000

export type FetchRequestBody = Encodable<typeof fetch.request>

interface Waiting {
  resolve(response: ReceivedResponse): void
  reject(error: Error): void
}

/**
 * A connection for Fetch requests alone, one at a time. The vendor's client collects a response in chunks of 64 KiB and
 * joins them; here the kernel writes it where it will be decoded. With TLS or SASL the vendor's client connects and
 * authenticates, and hands its socket over.
 */
export class FetchConnection {
  readonly #client: KafkaClient
  readonly #broker: BrokerAddress
  readonly #clientId: string
  readonly #receiver: ResponseReceiver
  #socket: Socket | undefined
  #waiting: Waiting | undefined
  #failure: Error | undefined
  #correlationId = 0

  constructor(client: KafkaClient, broker: BrokerAddress, clientId: string, pool: ResponseBufferPool) {
    this.#client = client
    this.#broker = broker
    this.#clientId = clientId
    this.#receiver = new ResponseReceiver(pool)
  }

  async open(isPlain: boolean): Promise<void> {
    const socket = isPlain ? await this.#openPlain() : await this.#takeOver()
    socket.setTimeout(SILENCE_MS)
    socket.on('timeout', () => {
      if (this.#waiting !== undefined) this.#fail(new Error(`no answer for ${SILENCE_MS / 1000} s`))
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('end', () => this.#fail(new Error('the broker closed the connection')))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
    this.#socket = socket
    if (this.#failure !== undefined) {
      socket.destroy()
      throw this.#failure
    }
  }

  /** Sends a request and resolves with the whole response, still encoded; its buffer is the caller's to release. */
  fetch(version: number, body: FetchRequestBody): Promise<ReceivedResponse> {
    const correlationId = ++this.#correlationId
    const chunks = encodeRequest(fetch, version, { correlationId, clientId: this.#clientId }, body)
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined || this.#socket === undefined) {
        reject(this.#failure ?? new Error('the connection is not open'))
        return
      }
      this.#waiting = { resolve, reject }
      this.#socket.write(Buffer.concat(chunks))
    })
  }

  /** At once: a request that waits fails. */
  close(): void {
    this.#fail(new Error('the connection was closed'))
  }

  #openPlain(): Promise<Socket> {
    const { host, port } = this.#broker
    const receiver = this.#receiver
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => receiver.space(),
        callback: (bytes) => {
          this.#guarded(() => {
            const response = receiver.received(bytes)
            if (response !== undefined) this.#deliver(response)
          })
          return true
        },
      },
    })
    this.#socket = socket
    return new Promise((resolve, reject) => {
      socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('the connection attempt timed out')))
      socket.once('error', (error) => reject(this.#client.unreachable(error.message, error)))
      socket.once('close', () => reject(this.#client.unreachable('the connection was closed')))
      socket.once('connect', () => {
        for (const event of ['error', 'close', 'timeout']) socket.removeAllListeners(event)
        resolve(socket)
      })
    })
  }

  async #takeOver(): Promise<Socket> {
    const { socket } = await this.#client.openConnection(this.#broker)
    socket.removeAllListeners('data')
    socket.on('data', (chunk: Buffer) =>
      this.#guarded(() => {
        for (const response of this.#receiver.append(chunk)) this.#deliver(response)
      }),
    )
    return socket
  }

  #guarded(receive: () => void): void {
    try {
      receive()
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #deliver(response: ReceivedResponse): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined || response.message.readInt32BE(0) !== this.#correlationId) {
      response.release()
      throw new Error('the broker answers what was not asked')
    }
    waiting.resolve(response)
  }

  #fail(error: Error): void {
    this.#failure ??= this.#client.unreachable(error.message, error)
    this.#socket?.destroy()
    this.#waiting?.reject(this.#failure)
    this.#waiting = undefined
  }
}
