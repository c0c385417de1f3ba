import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { PortInUseError } from '../errors.ts'
import { isErrno } from '../storage/durable-file.ts'
import { Connection } from './connection.ts'
import type { Dispatcher, Endpoint } from './dispatcher.ts'

/** Kafka's socket.request.max.bytes. */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024

/** Accepts connections. Listening and serving are apart, since what is served tells clients the port that listening gave. */
export class Listener {
  readonly host: string
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #onError: (error: unknown) => void
  /** Accepted before there was anything to serve them with. */
  #waiting: Socket[] = []

  private constructor(server: Server, host: string, onError: (error: unknown) => void) {
    this.#server = server
    this.host = host
    this.#onError = onError
    server.on('connection', (socket) => {
      socket.once('error', () => socket.destroy())
      this.#waiting.push(socket)
    })
  }

  /** Takes the port, any free one for 0. Throws `PortInUseError`. Connections wait until `serve`. */
  static async listen(host: string, port: number, onError: (error: unknown) => void): Promise<Listener> {
    const server = createServer({ noDelay: true, pauseOnConnect: true })
    const listener = new Listener(server, host, onError)
    server.listen(port, host)
    try {
      await once(server, 'listening')
    } catch (cause) {
      if (isErrno(cause, 'EADDRINUSE')) throw new PortInUseError(host, port, { cause })
      throw cause
    }
    return listener
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address !== 'object') throw new Error('nothing listens any more')
    return address.port
  }

  /** `endpoint` is what clients are told to connect to. */
  serve(dispatcher: Dispatcher, endpoint: Endpoint): void {
    const begin = (socket: Socket) => {
      const options = { endpoint, maxRequestBytes: MAX_REQUEST_BYTES, onError: this.#onError }
      const connection = new Connection(socket, dispatcher, options)
      this.#connections.add(connection)
      socket.once('close', () => this.#connections.delete(connection))
      socket.resume()
    }
    this.#server.removeAllListeners('connection')
    this.#server.on('connection', begin)
    for (const socket of this.#waiting.splice(0)) if (!socket.destroyed) begin(socket)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of [...this.#connections, ...this.#waiting]) connection.destroy()
    await closed
  }
}
