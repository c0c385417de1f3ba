import type { Socket } from 'node:net'
import { type Api, apiVersions, decodeResponse, type Encodable, encodeRequest } from '@headrace/broker/protocol'
import type { KafkaConnection } from '../config.ts'
import { logIn } from './login.ts'
import { type ReceivedResponse, type ResponseBufferPool, ResponseReceiver } from './response-receiver.ts'
import { type BrokerAddress, openSocket } from './sockets.ts'

/** A broker that is silent for so long has gone: a poll that finds nothing is answered in half a second. */
const SILENCE_MS = 30_000

type Fields = Api['request']

interface Waiting {
  readonly correlationId: number
  readonly apiKey: number
  resolve(response: ReceivedResponse): void
  reject(error: unknown): void
}

/** A connection to one broker: one request at a time, answers in pooled buffers. Errors are those of the socket, untranslated. */
export class BrokerConnection {
  readonly #connection: KafkaConnection
  readonly #receiver: ResponseReceiver
  #socket: Socket | undefined
  #waiting: Waiting | undefined
  #failure: unknown
  #correlationId = 0
  #isOpened = false
  #wasAnswered = false
  #last: Promise<unknown> = Promise.resolve()

  constructor(connection: KafkaConnection, pool: ResponseBufferPool) {
    this.#connection = connection
    this.#receiver = new ResponseReceiver(pool)
  }

  /** Whether requests can be sent: opened, logged in, and nothing has gone wrong since. */
  get isOpen(): boolean {
    return this.#isOpened && this.#failure === undefined
  }

  async open(address: BrokerAddress): Promise<void> {
    const target = {
      space: () => this.#receiver.space(),
      received: (bytes: number) => this.#received(() => [this.#receiver.received(bytes)]),
      append: (chunk: Buffer) => this.#received(() => this.#receiver.append(chunk)),
    }
    const socket = await openSocket(address, this.#connection, target, (opening) => {
      this.#socket = opening
    })
    this.#socket = socket
    socket.setTimeout(SILENCE_MS)
    socket.on('timeout', () => {
      if (this.#waiting !== undefined) this.#fail(new Error(`no answer for ${SILENCE_MS / 1000} s`))
    })
    socket.on('error', (error) => this.#fail(error))
    for (const event of ['end', 'close']) socket.on(event, () => this.#fail(this.#hangUp()))
    if (this.#failure !== undefined) {
      socket.destroy()
      throw this.#failure
    }
    if (this.#connection.sasl !== undefined) await this.#logIn(this.#connection.sasl)
    this.#isOpened = true
  }

  /** Sends a request and resolves with the answer, decoded. Calls wait for those before them. */
  request<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, version: number, body: Encodable<Req>) {
    const answered = this.#last.then(async () => {
      const response = await this.exchange(api, version, body)
      try {
        return decodeResponse(api, version, response.message).body
      } finally {
        response.release()
      }
    })
    this.#last = answered.catch(() => undefined)
    return answered
  }

  /** Sends a request and resolves with the answer as it came, in a buffer that is the caller's to release. One at a time. */
  exchange<Req extends Fields>(
    api: Api<Req, Fields>,
    version: number,
    body: Encodable<Req>,
  ): Promise<ReceivedResponse> {
    const correlationId = ++this.#correlationId
    const { clientId } = this.#connection
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined || this.#socket === undefined) {
        reject(this.#failure ?? new Error('the connection is not open'))
        return
      }
      this.#waiting = { correlationId, apiKey: api.key, resolve, reject }
      writeAll(this.#socket, encodeRequest(api, version, { correlationId, clientId }, body))
    })
  }

  /** Sends a request that the broker does not answer (Produce with acks = 0); resolves when the system has taken its bytes. */
  post<Req extends Fields>(api: Api<Req, Fields>, version: number, body: Encodable<Req>): Promise<void> {
    const correlationId = ++this.#correlationId
    const { clientId } = this.#connection
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined || this.#socket === undefined) {
        reject(this.#failure ?? new Error('the connection is not open'))
        return
      }
      writeAll(this.#socket, encodeRequest(api, version, { correlationId, clientId }, body), (error) =>
        error ? reject(error) : resolve(),
      )
    })
  }

  /** At once: a request that waits fails. */
  close(): void {
    this.#fail(new Error('the connection was closed'))
  }

  async #logIn(credentials: NonNullable<KafkaConnection['sasl']>): Promise<void> {
    try {
      await logIn(this, credentials)
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  /** A broker that hangs up before it has answered more than its versions often wants to be spoken to in another way. */
  #hangUp(): Error {
    const { ssl, sasl } = this.#connection
    const missing = [!ssl && '`ssl`', !sasl && '`sasl`'].filter((name) => name !== false)
    const mayMiss = !this.#wasAnswered && missing.length > 0
    const question = mayMiss ? ` without saying why: does it want ${missing.join(' or ')}?` : ''
    return new Error(`the broker closed the connection${question}`)
  }

  #received(receive: () => Iterable<ReceivedResponse | undefined>): void {
    try {
      for (const response of receive()) if (response !== undefined) this.#deliver(response)
    } catch (error) {
      this.#fail(error)
    }
  }

  #deliver(response: ReceivedResponse): void {
    const waiting = this.#waiting
    if (waiting?.apiKey !== apiVersions.key) this.#wasAnswered = true
    if (waiting === undefined || response.message.readInt32BE(0) !== waiting.correlationId) {
      response.release()
      throw new Error('the broker answers what was not asked')
    }
    this.#waiting = undefined
    waiting.resolve(response)
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#socket?.destroy()
    this.#waiting?.reject(this.#failure)
    this.#waiting = undefined
  }
}

/** Hands all pieces over in one go, without copying them together: record batches are large. */
function writeAll(socket: Socket, pieces: readonly Buffer[], done?: (error?: Error | null) => void): void {
  socket.cork()
  for (const [index, piece] of pieces.entries()) socket.write(piece, index === pieces.length - 1 ? done : undefined)
  socket.uncork()
}
