import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { PortInUseError } from '../errors.ts'
import { isErrno } from '../storage/durable-file.ts'
import { Connection } from './connection.ts'
import type { Dispatcher } from './dispatcher.ts'

/** Kafka's socket.request.max.bytes. */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024

/** Accepts connections. Listening and serving are apart, since what is served tells clients the port that listening gave. */
export class Listener {
  readonly host: string
  readonly port: number
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #onError: (error: unknown) => void

  private constructor(server: Server, host: string, port: number, onError: (error: unknown) => void) {
    this.#server = server
    this.host = host
    this.port = port
    this.#onError = onError
  }

  /** Takes the port, any free one for 0. Throws `PortInUseError`. Connections wait until `serve`. */
  static async listen(host: string, port: number, onError: (error: unknown) => void): Promise<Listener> {
    const server = createServer({ noDelay: true, pauseOnConnect: true })
    server.listen(port, host)
    try {
      await once(server, 'listening')
    } catch (cause) {
      if (isErrno(cause, 'EADDRINUSE')) throw new PortInUseError(host, port, { cause })
      throw cause
    }
    const address = server.address()
    const bound = address !== null && typeof address === 'object' ? address.port : port
    return new Listener(server, host, bound, onError)
  }

  serve(dispatcher: Dispatcher): void {
    this.#server.on('connection', (socket) => {
      const options = { maxRequestBytes: MAX_REQUEST_BYTES, onError: this.#onError }
      const connection = new Connection(socket, dispatcher, options)
      this.#connections.add(connection)
      socket.once('close', () => this.#connections.delete(connection))
      socket.resume()
    })
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
    await closed
  }
}
