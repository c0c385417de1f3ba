import { BrokerSettingsError } from './errors.ts'

/** A second listener of the embedded broker, for clients that authenticate, come from elsewhere, or both. */
export interface BrokerSecurity {
  /** Where it listens: 127.0.0.1 and any free port unless told. */
  readonly host?: string
  readonly port?: number
  /** What clients are told to connect to, where that is another host. */
  readonly advertisedHost?: string
  /** `user:password` a line. SASL is asked for where it is given. */
  readonly usersFile?: string
  /** PEM files. TLS is spoken where they are given. */
  readonly certFile?: string
  readonly keyFile?: string
  /** Clients have to show a certificate of this authority. */
  readonly clientCaFile?: string
}

/**
 * The arguments of the broker's own command for a listener in plain text on this machine and a secured one beside it. Throws
 * EMBEDDED_BROKER_SETTINGS where it would not be secured.
 */
export function planSecurity(plainPort: number, security: BrokerSecurity): string[] {
  const { host = '127.0.0.1', port = 0, advertisedHost, usersFile, certFile, keyFile, clientCaFile } = security
  const protocol = securityProtocol(security)
  const args = ['--listeners', `PLAINTEXT://127.0.0.1:${plainPort},${protocol}://${bracketed(host)}:${port}`]
  if (advertisedHost !== undefined)
    args.push('--advertised-listeners', `${protocol}://${bracketed(advertisedHost)}:${port}`)
  if (usersFile !== undefined) args.push('--users-file', usersFile)
  if (certFile !== undefined) args.push('--tls-cert', certFile)
  if (keyFile !== undefined) args.push('--tls-key', keyFile)
  if (clientCaFile !== undefined) args.push('--tls-ca', clientCaFile, '--tls-client-auth', 'required')
  return args
}

/** Kafka's name for what the secured listener speaks. */
function securityProtocol({ usersFile, certFile, keyFile }: BrokerSecurity): string {
  const hasTls = certFile !== undefined || keyFile !== undefined
  if (usersFile === undefined && !hasTls)
    throw new BrokerSettingsError({ reason: 'a second listener needs users, a certificate, or both' })
  if (usersFile === undefined) return 'SSL'
  return hasTls ? 'SASL_SSL' : 'SASL_PLAINTEXT'
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
