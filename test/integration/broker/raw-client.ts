import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Api, type Decoded, decodeResponse, encodeRequest } from '@headrace/broker/protocol'

type RequestBody<A extends Api> = Parameters<A['requestType']['write']>[1] & object
type Answer<A extends Api> = A extends Api<infer _Req, infer Res> ? Decoded<Res> : never

/** A client that sends exactly what it is told: any version, any bytes. */
export class RawClient {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #arrived: () => void = () => {}
  #correlationId = 0
  readonly #closed: Promise<unknown>

  private constructor(socket: Socket) {
    this.#socket = socket
    // Not by once(): it would reject where the broker is killed and the connection reset.
    this.#closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#arrived()
    })
    socket.on('close', () => this.#arrived())
  }

  static async connect(address: string): Promise<RawClient> {
    const [host = '', port] = address.split(':')
    const socket = connect({ host, port: Number(port) })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Sends a request and gives the body of the next response. */
  async ask<A extends Api>(api: A, version: number, body: RequestBody<A>): Promise<Answer<A>> {
    const correlationId = this.send(api, version, body)
    const answer = await this.receive(api, version)
    if (answer.correlationId !== correlationId) throw new Error(`response ${answer.correlationId} to ${correlationId}`)
    return answer.body
  }

  /** Sends a request without waiting; gives its correlation id. */
  send<A extends Api>(api: A, version: number, body: RequestBody<A>): number {
    const correlationId = ++this.#correlationId
    this.write(Buffer.concat(encodeRequest(api, version, { correlationId, clientId: 'raw' }, body)))
    return correlationId
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  async receive<A extends Api>(api: A, version: number): Promise<{ correlationId: number; body: Answer<A> }> {
    const { correlationId, body } = decodeResponse(api, version, await this.frame())
    return { correlationId, body: body as Answer<A> }
  }

  /** Resolves when the broker has hung up. */
  async hungUp(): Promise<void> {
    await this.#closed
  }

  close(): void {
    this.#socket.destroy()
  }

  /** The next bytes behind a size, without it. */
  async frame(): Promise<Buffer> {
    while (this.#received.length < 4 || this.#received.length < 4 + this.#received.readInt32BE(0)) {
      if (this.#socket.destroyed) throw new Error('the broker hung up')
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    const end = 4 + this.#received.readInt32BE(0)
    const frame = this.#received.subarray(4, end)
    this.#received = this.#received.subarray(end)
    return frame
  }
}
