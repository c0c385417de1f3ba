import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls'
import { PortInUseError } from '../errors.ts'
import { SaslGate, type SaslSettings } from '../security/sasl-gate.ts'
import { isErrno } from '../storage/durable-file.ts'
import type { Admission } from './admission.ts'
import { ClientFault } from './client-fault.ts'
import { Connection, type ConnectionServices } from './connection.ts'
import type { Endpoint } from './dispatcher.ts'
import type { FaultLog } from './fault-log.ts'

/** What is needed to listen, before there is anything to serve. */
export interface ListenOptions {
  readonly host: string
  /** Any free one for 0. */
  readonly port: number
  readonly admission: Admission
  readonly faults: FaultLog
}

export interface ServeOptions extends ConnectionServices {
  /** What clients are told to connect to. */
  readonly endpoint: Endpoint
  /** Undefined for a listener in plain text. */
  readonly tls: TlsOptions | undefined
  /** Undefined where anybody may come. */
  readonly sasl: SaslSettings | undefined
}

/** Accepts connections. Listening and serving are apart, since what is served tells clients the port that listening gave. */
export class Listener {
  readonly host: string
  readonly #server: Server
  readonly #admission: Admission
  readonly #faults: FaultLog
  /** All that are accepted: served, in the middle of TLS, or waiting. */
  readonly #sockets = new Set<Socket>()
  /** Accepted before there was anything to serve them with. */
  #waiting: Socket[] = []
  #serve: (socket: Socket) => void = (socket) => this.#waiting.push(socket)

  private constructor(server: Server, { host, admission, faults }: ListenOptions) {
    this.#server = server
    this.host = host
    this.#admission = admission
    this.#faults = faults
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** Takes the port. Throws `PortInUseError`. Connections wait until `serve`. */
  static async listen(options: ListenOptions): Promise<Listener> {
    const { host, port } = options
    // Probes find out about clients that went without a word.
    const probing = { keepAlive: true, keepAliveInitialDelay: 60_000 }
    const server = createServer({ noDelay: true, pauseOnConnect: true, ...probing })
    const listener = new Listener(server, options)
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

  serve({ endpoint, tls, sasl, ...services }: ServeOptions): void {
    const begin = (socket: Socket) => {
      new Connection(socket, { ...services, endpoint, gate: sasl && new SaslGate(sasl) })
      socket.resume()
    }
    const secured = tls && this.#secureServer(tls, services.limits.maxHandshakeMs, begin)
    this.#serve = secured ? (socket) => secured.emit('connection', socket) : begin
    for (const socket of this.#waiting.splice(0)) if (!socket.destroyed) this.#serve(socket)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const address = socket.remoteAddress ?? ''
    try {
      this.#admission.enter(address)
    } catch (error) {
      socket.destroy()
      this.#faults.report(error)
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#admission.leave(address)
    })
    this.#serve(socket)
  }

  /** Never listens itself: it is given connections that were accepted, and gives them on when their handshake is done. */
  #secureServer(tls: TlsOptions, handshakeTimeout: number, begin: (socket: Socket) => void): TlsServer {
    const server = createTlsServer({ ...tls, handshakeTimeout }, begin)
    server.on('tlsClientError', (cause, socket) => {
      const who = socket.remoteAddress ?? 'a client'
      this.#faults.report(
        new ClientFault('tls', `the TLS handshake with ${who} failed: ${tlsReason(cause)}`, { cause }),
      )
      socket.destroy()
    })
    return server
  }
}

function tlsReason(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_HTTP_REQUEST') return 'it speaks plain text'
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'it took too long'
  return code || error.message
}
