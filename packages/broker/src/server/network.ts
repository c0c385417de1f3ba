import type { TlsOptions } from 'node:tls'
import { BrokerOptionsError } from '../errors.ts'
import type { CredentialStore } from '../security/credential-store.ts'
import { SASL_MECHANISMS, type SaslMechanism } from '../security/mechanisms.ts'
import { loadTls, type TlsFiles } from '../security/tls.ts'
import { Admission } from './admission.ts'
import type { Dispatcher } from './dispatcher.ts'
import { FaultLog } from './fault-log.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { checkListeners, type ListenerAddress, type ListenerOptions, ListenerSet } from './listener-set.ts'
import { RequestMemory, ResponseMemory } from './memory.ts'

/** How clients reach the broker, and which. */
export interface NetworkOptions {
  /** The address to listen on in plain text: 127.0.0.1 unless told. */
  readonly host?: string
  /** The port to listen on; 0, the default, takes any that is free. */
  readonly port?: number
  /** The host that clients are told to connect to, where that is another than `host`. */
  readonly advertisedHost?: string
  /** In place of `host`, `port` and `advertisedHost`: several listeners, one for each security protocol at most. */
  readonly listeners?: readonly ListenerOptions[]
  /** What listeners with TLS show, and want to see. */
  readonly tls?: TlsFiles
  /** Who may come to listeners with SASL. */
  readonly sasl?: SaslOptions
  /** Those of `DEFAULT_LIMITS` unless told. */
  readonly limits?: Partial<Limits>
}

export interface SaslOptions {
  /** All unless told. */
  readonly mechanisms?: readonly SaslMechanism[]
  /** Passwords by user name; users made by clients (AlterUserScramCredentials) come on top. */
  readonly users?: Readonly<Record<string, string>>
}

/** Everything between the sockets and the dispatcher. */
export class Network {
  readonly mechanisms: readonly SaslMechanism[]
  readonly #limits: Limits
  readonly #faults: FaultLog
  readonly #listeners: ListenerSet
  readonly #tls: TlsOptions | undefined

  private constructor(options: NetworkOptions, faults: FaultLog, listeners: ListenerSet, tls: TlsOptions | undefined) {
    this.mechanisms = options.sasl?.mechanisms ?? SASL_MECHANISMS
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#faults = faults
    this.#listeners = listeners
    this.#tls = tls
  }

  /**
   * Listens; clients that connect wait until `serve`. Throws `BrokerOptionsError`, `TlsUnusableError` or `PortInUseError`. Of what clients
   * do wrong, `onError` is told.
   */
  static async listen(options: NetworkOptions, onError: (error: unknown) => void): Promise<Network> {
    const listeners = planListeners(options)
    const tls = options.tls && (await loadTls(options.tls))
    const faults = new FaultLog(onError)
    const admission = new Admission({ ...DEFAULT_LIMITS, ...options.limits })
    return new Network(options, faults, await ListenerSet.listen(listeners, { admission, faults }), tls)
  }

  get addresses(): readonly [ListenerAddress, ...ListenerAddress[]] {
    return this.#listeners.addresses as [ListenerAddress, ...ListenerAddress[]]
  }

  serve(dispatcher: Dispatcher, store: CredentialStore): void {
    const services = {
      dispatcher,
      limits: this.#limits,
      requestMemory: new RequestMemory(this.#limits.requestMemoryBytes),
      responseMemory: new ResponseMemory(this.#limits.responseMemoryBytes),
      faults: this.#faults,
    }
    const sasl = { mechanisms: this.mechanisms, store }
    this.#listeners.serve(services, this.#tls ? { tls: this.#tls, sasl } : { sasl })
  }

  close(): Promise<void> {
    return this.#listeners.close()
  }
}

function planListeners(options: NetworkOptions): readonly ListenerOptions[] {
  const { host, port, advertisedHost, listeners } = options
  if (listeners === undefined)
    return [
      {
        protocol: 'PLAINTEXT',
        ...(host !== undefined && { host }),
        ...(port !== undefined && { port }),
        ...(advertisedHost !== undefined && { advertisedHost }),
      },
    ]
  if (host !== undefined || port !== undefined || advertisedHost !== undefined)
    throw new BrokerOptionsError('host, port and advertisedHost are for a broker without listeners')
  checkListeners(listeners, { hasTls: options.tls !== undefined, hasSasl: options.sasl !== undefined })
  return listeners
}
