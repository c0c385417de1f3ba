import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { KafkaConnection } from '../config.ts'
import type { ResponseReceiver } from './response-receiver.ts'

/** How long a connection attempt may take, in ms. */
const CONNECT_TIMEOUT_MS = 5_000

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** Where a socket's bytes go. Neither may throw. */
interface ByteTarget extends Pick<ResponseReceiver, 'space'> {
  /** So many bytes were put into `space()`. */
  received(bytes: number): void
  /** Bytes that came in a buffer of their own. */
  append(chunk: Buffer): void
}

/**
 * A connected socket that delivers into `target`. `onSocket` gets it before it is connected, to be able to give it up.
 *
 * A plain one lets the kernel write where responses are put together; TLS brings chunks that are copied there.
 */
export async function openSocket(
  address: BrokerAddress,
  connection: KafkaConnection,
  target: ByteTarget,
  onSocket: (socket: Socket) => void,
): Promise<Socket> {
  const socket = connection.ssl ? secure(address, connection.ssl, target) : plain(address, target)
  onSocket(socket)
  try {
    await connected(socket, connection.ssl ? 'secureConnect' : 'connect')
  } catch (error) {
    throw connection.ssl && socket.bytesRead === 0 ? withTlsQuestion(error) : error
  }
  return socket
}

function plain({ host, port }: BrokerAddress, target: ByteTarget): Socket {
  const callback = (bytes: number) => {
    target.received(bytes)
    return true
  }
  return connectPlain({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    onread: { buffer: () => target.space(), callback },
  })
}

function secure(
  { host, port }: BrokerAddress,
  ssl: NonNullable<KafkaConnection['ssl']>,
  target: ByteTarget,
): TLSSocket {
  const socket = connectTls({ host, port, ...tlsOptions(ssl, host) })
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => target.append(chunk))
  return socket
}

/** What `node:tls` wants of the connection's `ssl`. An address in numbers has no name that a certificate is chosen by. */
function tlsOptions(ssl: NonNullable<KafkaConnection['ssl']>, host: string) {
  return { ...(typeof ssl === 'object' && ssl), ...(isIP(host) === 0 && { servername: host }) }
}

/** A broker that answers a TLS handshake with silence may not know what it is. */
function withTlsQuestion(error: unknown): unknown {
  const isHangUp = error instanceof Error && 'code' in error && error.code === 'ECONNRESET'
  // Without its cause, whose words would be preferred to these.
  return isHangUp ? new Error(`${error.message}: does it speak TLS on this port?`) : error
}

function connected(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const listeners = {
      error: reject,
      close: () => reject(new Error('the connection was closed')),
      timeout: () => socket.destroy(new Error('the connection attempt timed out')),
    }
    for (const [name, listener] of Object.entries(listeners)) socket.on(name, listener)
    socket.setTimeout(CONNECT_TIMEOUT_MS)
    socket.once(event, () => {
      for (const [name, listener] of Object.entries(listeners)) socket.off(name, listener)
      resolve()
    })
  })
}
