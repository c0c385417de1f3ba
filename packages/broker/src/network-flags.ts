import { BrokerOptionsError } from './errors.ts'
import { isSaslMechanism, SASL_MECHANISMS, type SaslMechanism } from './security/mechanisms.ts'
import { CLIENT_AUTH, type ClientAuth, type TlsFiles } from './security/tls.ts'
import { parseUser, readUsersFile } from './security/users-file.ts'
import type { ListenerOptions } from './server/listener-set.ts'
import type { NetworkOptions, SaslOptions } from './server/network.ts'
import { isSecurityProtocol, SECURITY_PROTOCOLS, type SecurityProtocol } from './server/security-protocol.ts'

/** The command's flags that say how clients reach the broker, as `parseArgs` wants them. */
export const NETWORK_FLAGS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'advertised-host': { type: 'string' },
  listeners: { type: 'string' },
  'advertised-listeners': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-client-auth': { type: 'string' },
  'sasl-mechanisms': { type: 'string' },
  'users-file': { type: 'string' },
  user: { type: 'string', multiple: true },
  'max-handshake-ms': { type: 'string' },
} as const

export const NETWORK_USAGE = `  --host H --port N --advertised-host H      one listener in plain text, or:
  --listeners PLAINTEXT://127.0.0.1:9092,SASL_SSL://0.0.0.0:9094
  --advertised-listeners SASL_SSL://kafka.example:9094
  --tls-cert FILE --tls-key FILE [--tls-ca FILE] [--tls-client-auth none|requested|required]
  --users-file FILE (user:password a line) or --user NAME:PASSWORD, again for each; [--sasl-mechanisms PLAIN,…]
  --max-handshake-ms N`

type Flag = keyof typeof NETWORK_FLAGS
type NetworkValues = { readonly [F in Exclude<Flag, 'user'>]?: string | undefined } & {
  readonly user?: string[] | undefined
}

/** Reads the file of users, too. Throws `BrokerOptionsError`. */
export async function networkOptionsOf(values: NetworkValues): Promise<NetworkOptions> {
  const listeners = listenersOf(values)
  const tls = tlsOf(values)
  const sasl = await saslOf(values)
  const maxHandshake = values['max-handshake-ms']
  return {
    ...(values.host !== undefined && { host: values.host }),
    ...(values.port !== undefined && { port: wholeNumber('port', values.port, 0, 65_535) }),
    ...(values['advertised-host'] !== undefined && { advertisedHost: values['advertised-host'] }),
    ...(listeners && { listeners }),
    ...(tls && { tls }),
    ...(sasl && { sasl }),
    ...(maxHandshake !== undefined && {
      limits: { maxHandshakeMs: wholeNumber('max-handshake-ms', maxHandshake, 1, 2 ** 31 - 1) },
    }),
  }
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max)
    throw new BrokerOptionsError(`--${flag} must be a whole number from ${min} to ${max}, not "${text}"`)
  return value
}

function listenersOf(values: NetworkValues): ListenerOptions[] | undefined {
  const advertised = new Map(
    parseListeners('advertised-listeners', values['advertised-listeners'] ?? '').map((each) => [each.protocol, each]),
  )
  if (values.listeners === undefined) {
    if (advertised.size > 0) throw new BrokerOptionsError('--advertised-listeners is for a broker with --listeners')
    return undefined
  }
  const listeners = parseListeners('listeners', values.listeners).map(({ protocol, host, port }) => {
    const told = advertised.get(protocol)
    advertised.delete(protocol)
    if (told === undefined) return { protocol, host, port }
    // Port 0 is the one that is listened on, whichever that turns out to be.
    return { protocol, host, port, advertisedHost: told.host, ...(told.port !== 0 && { advertisedPort: told.port }) }
  })
  const [left] = advertised.keys()
  if (left !== undefined) throw new BrokerOptionsError(`${left} is advertised, but there is no listener for it`)
  return listeners
}

/** `PROTOCOL://host:port`, with commas between: Kafka's `listeners`. An empty host stands for every address. */
function parseListeners(flag: Flag, text: string): { protocol: SecurityProtocol; host: string; port: number }[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => {
      const [, protocol = '', bracketed, plain = '', port = ''] =
        /^([A-Z_]+):\/\/(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(each) ?? []
      if (!isSecurityProtocol(protocol)) {
        const known = Object.keys(SECURITY_PROTOCOLS).join(', ')
        throw new BrokerOptionsError(`--${flag}: "${each}" is not PROTOCOL://host:port, with one of ${known}`)
      }
      const host = bracketed ?? plain
      return { protocol, host: host === '' ? '0.0.0.0' : host, port: wholeNumber(flag, port, 0, 65_535) }
    })
}

function tlsOf(values: NetworkValues): TlsFiles | undefined {
  const { 'tls-cert': certFile, 'tls-key': keyFile, 'tls-ca': caFile, 'tls-client-auth': clientAuth } = values
  if ([certFile, keyFile, caFile, clientAuth].every((value) => value === undefined)) return undefined
  if (certFile === undefined || keyFile === undefined)
    throw new BrokerOptionsError('TLS needs both --tls-cert and --tls-key')
  if (clientAuth !== undefined && !CLIENT_AUTH.includes(clientAuth as ClientAuth))
    throw new BrokerOptionsError(`--tls-client-auth must be one of ${CLIENT_AUTH.join(', ')}, not "${clientAuth}"`)
  return {
    certFile,
    keyFile,
    ...(caFile !== undefined && { caFile }),
    ...(clientAuth !== undefined && { clientAuth: clientAuth as ClientAuth }),
  }
}

/** Undefined where the broker is told nothing of users, which is an error with a listener that needs them. */
async function saslOf(values: NetworkValues): Promise<SaslOptions | undefined> {
  const { 'sasl-mechanisms': named, 'users-file': file, user: given } = values
  if (named === undefined && file === undefined && given === undefined) return undefined
  const mechanisms = named === undefined ? SASL_MECHANISMS : named.split(',').map(mechanismOf)
  const users = {
    ...(file !== undefined && (await readUsersFile(file))),
    ...Object.fromEntries((given ?? []).map((text) => parseUser(text, '--user'))),
  }
  return { mechanisms, users }
}

function mechanismOf(name: string): SaslMechanism {
  const trimmed = name.trim()
  if (isSaslMechanism(trimmed)) return trimmed
  throw new BrokerOptionsError(`--sasl-mechanisms: "${trimmed}" is none of ${SASL_MECHANISMS.join(', ')}`)
}
