import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Where the connection is cut: before the server sees COMMIT, or before the client sees its answer. */
export type CutPoint = 'before COMMIT' | 'after COMMIT'

export const CUT_POINTS: readonly CutPoint[] = ['before COMMIT', 'after COMMIT']

/**
 * A proxy before a PostgreSQL server that cuts connections around the COMMIT of a transaction that wrote rows. It knows the
 * protocol as far as it must: the client's Query message, the server's CommandComplete.
 */
export class CommitCutter {
  readonly port: number
  readonly #close: () => Promise<void>

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port
    this.#close = close
  }

  static async start(server: { host: string; port: number }, point: CutPoint): Promise<CommitCutter> {
    const sockets = new Set<Socket>()
    const listener = createServer((client) => {
      const upstream = connect(server.port, server.host)
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        // Cutting is what it is for.
        socket.on('error', () => undefined)
        socket.on('close', () => {
          client.destroy()
          upstream.destroy()
        })
      }
      relay(client, upstream, point)
    }).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return new CommitCutter((listener.address() as AddressInfo).port, async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    })
  }

  close(): Promise<void> {
    return this.#close()
  }
}

function relay(client: Socket, upstream: Socket, point: CutPoint): void {
  let wroteRows = false
  client.on('data', (chunk) => {
    if (chunk.includes('FROM STDIN')) wroteRows = true
    if (wroteRows && point === 'before COMMIT' && chunk.includes('COMMIT\0')) client.destroy()
    else upstream.write(chunk)
  })
  upstream.on('data', (chunk) => {
    if (wroteRows && point === 'after COMMIT' && chunk.includes('COMMIT\0')) client.destroy()
    else client.write(chunk)
  })
}
