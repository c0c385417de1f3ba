import type { TlsOptions } from 'node:tls'
import { BrokerOptionsError } from '../errors.ts'
import type { SaslSettings } from '../security/sasl-gate.ts'
import type { Admission } from './admission.ts'
import type { ConnectionServices } from './connection.ts'
import type { Endpoint } from './dispatcher.ts'
import type { FaultLog } from './fault-log.ts'
import { Listener } from './listener.ts'
import { SECURITY_PROTOCOLS, type SecurityProtocol } from './security-protocol.ts'

/** One address that the broker listens on. */
export interface ListenerOptions {
  readonly protocol: SecurityProtocol
  /** The address to listen on: 127.0.0.1 unless told. */
  readonly host?: string
  /** The port to listen on; 0, the default, takes any that is free. */
  readonly port?: number
  /** What clients are told to connect to, where that is another address than the one that is listened on. */
  readonly advertisedHost?: string
  readonly advertisedPort?: number
}

/** A listener as clients see it. */
export interface ListenerAddress extends Endpoint {
  readonly protocol: SecurityProtocol
}

interface OpenListener {
  readonly protocol: SecurityProtocol
  readonly listener: Listener
  readonly endpoint: Endpoint
}

/** All listeners of a broker. Each tells its clients an address by which they come to it again. */
export class ListenerSet {
  readonly #open: readonly OpenListener[]

  private constructor(open: readonly OpenListener[]) {
    this.#open = open
  }

  /** Takes all ports or none. Throws `PortInUseError`. */
  static async listen(
    options: readonly ListenerOptions[],
    shared: { readonly admission: Admission; readonly faults: FaultLog },
  ): Promise<ListenerSet> {
    const open: OpenListener[] = []
    try {
      for (const one of options) open.push(await listenOn(one, shared))
    } catch (error) {
      await new ListenerSet(open).close()
      throw error
    }
    return new ListenerSet(open)
  }

  get addresses(): ListenerAddress[] {
    return this.#open.map(({ protocol, endpoint }) => ({ protocol, ...endpoint }))
  }

  serve(services: ConnectionServices, security: { readonly tls?: TlsOptions; readonly sasl?: SaslSettings }): void {
    for (const { protocol, listener, endpoint } of this.#open) {
      const { tls, sasl } = SECURITY_PROTOCOLS[protocol]
      listener.serve({
        ...services,
        endpoint,
        tls: tls ? security.tls : undefined,
        sasl: sasl ? security.sasl : undefined,
      })
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(({ listener }) => listener.close()))
  }
}

async function listenOn(
  { protocol, host = '127.0.0.1', port = 0, advertisedHost = host, advertisedPort }: ListenerOptions,
  shared: { readonly admission: Admission; readonly faults: FaultLog },
): Promise<OpenListener> {
  const listener = await Listener.listen({ host, port, ...shared })
  return { protocol, listener, endpoint: { host: advertisedHost, port: advertisedPort ?? listener.port } }
}

/** Addresses that stand for all of a machine's: clients cannot connect to them. */
const WILDCARDS = ['0.0.0.0', '::', '']

/** Throws `BrokerOptionsError` for listeners that could not serve anybody. */
export function checkListeners(
  listeners: readonly ListenerOptions[],
  { hasTls, hasSasl }: { readonly hasTls: boolean; readonly hasSasl: boolean },
): void {
  if (listeners.length === 0) throw new BrokerOptionsError('there must be a listener')
  for (const { protocol, host, advertisedHost } of listeners) {
    const needs = SECURITY_PROTOCOLS[protocol]
    if (listeners.filter((other) => other.protocol === protocol).length > 1)
      throw new BrokerOptionsError(`there are two listeners for ${protocol}`)
    if (needs.tls && !hasTls) throw new BrokerOptionsError(`the listener for ${protocol} needs a certificate and a key`)
    if (needs.sasl && !hasSasl)
      throw new BrokerOptionsError(`the listener for ${protocol} needs to be told who may authenticate (sasl)`)
    if (host !== undefined && WILDCARDS.includes(host) && advertisedHost === undefined)
      throw new BrokerOptionsError(
        `the listener for ${protocol} listens on every address (${host}): tell which one to advertise`,
      )
  }
}
