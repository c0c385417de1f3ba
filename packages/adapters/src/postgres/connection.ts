import type { ClientConfig } from 'pg'
import type { PostgresConnection } from './config.ts'
import { PostgresConnectionInvalidError } from './errors.ts'

type SslMode = NonNullable<PostgresConnection['ssl']>

export interface ConnectionPlan {
  readonly client: ClientConfig
  /** `host:port/database`: for messages. */
  readonly server: string
}

/** libpq's modes. Those that fall back to plain text are taken as plain text: what is promised must be kept. */
const SSL_MODES: Readonly<Record<string, SslMode>> = {
  disable: 'disable',
  allow: 'disable',
  prefer: 'disable',
  require: 'require',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
}

/** What to hand to the client; pure. Throws POSTGRES_CONNECTION_INVALID. */
export function planConnection(settings: PostgresConnection): ConnectionPlan {
  const parts = { ...parseUrl(settings.url), ...withoutUndefined({ ...settings, url: undefined }) }
  if (parts.host === undefined) throw new PostgresConnectionInvalidError({ problem: 'it has neither url nor host' })
  const { host, port = 5432, user, password, ssl = 'disable', ca } = parts
  if (user === undefined) throw new PostgresConnectionInvalidError({ problem: 'it names no user' })
  const database = parts.database ?? user
  return {
    server: `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`,
    client: {
      host,
      port,
      user,
      database,
      ...(password === undefined ? {} : { password }),
      ssl: planTls(ssl, ca),
      application_name: 'headrace',
      connectionTimeoutMillis: 10_000,
      // A peer that vanished without a word is noticed by the system, not waited for.
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
  }
}

function planTls(mode: SslMode, ca: string | undefined): NonNullable<ClientConfig['ssl']> {
  if (mode === 'disable') return false
  if (mode === 'require') return { rejectUnauthorized: false }
  return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) }
}

function parseUrl(text: string | undefined): Partial<PostgresConnection> {
  if (text === undefined) return {}
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === '') {
    throw new PostgresConnectionInvalidError({
      problem: 'its url is not of the form postgres://user:password@host:port/database',
    })
  }
  return withoutUndefined({
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? undefined : Number(url.port),
    user: decoded(url.username),
    password: decoded(url.password),
    database: decoded(url.pathname.slice(1)),
    ssl: sslMode(url.searchParams),
  })
}

function sslMode(parameters: URLSearchParams): SslMode | undefined {
  for (const name of parameters.keys()) {
    if (name !== 'sslmode')
      throw new PostgresConnectionInvalidError({ problem: `its url has a parameter "${name}" that is not supported` })
  }
  const mode = parameters.get('sslmode')
  if (mode === null) return undefined
  const known = SSL_MODES[mode]
  if (known === undefined)
    throw new PostgresConnectionInvalidError({ problem: `its url has an unknown sslmode "${mode}"` })
  return known
}

function decoded(part: string): string | undefined {
  if (part === '') return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    throw new PostgresConnectionInvalidError({ problem: 'its url has a % that is not followed by two hex digits' })
  }
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
