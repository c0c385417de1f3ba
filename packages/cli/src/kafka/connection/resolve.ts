import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { KafkaConnection } from '@headrace/adapters/kafka'
import type { CliContext } from '../../context.ts'
import { readRunningServices } from '../../services/dev-file.ts'
import { AddressMissingError, ConnectionFlagsError, FlagFileError } from '../errors.ts'
import { type ConnectionFlags, MECHANISMS, wrongAddress } from './options.ts'
import { askPassword } from './password.ts'

type Environment = CliContext['env']

const CLIENT_ID = 'headrace-cli'
const PASSWORD_VARIABLE = 'HEADRACE_KAFKA_PASSWORD'

/**
 * The connection that flags, environment, `headrace.yaml` and running services make together, as pipelines have it. Throws
 * the catalogue's errors for what is missing or does not go together, and those of `headrace.yaml`.
 */
export async function resolveConnection(flags: ConnectionFlags, env: Environment): Promise<KafkaConnection> {
  assertFit(flags)
  const base = await baseConnection(flags, env)
  const ssl = await tlsSettings(flags, base.ssl)
  const sasl = await saslSettings(flags, base.sasl, env)
  return {
    bootstrap: flags.bootstrap ?? base.bootstrap,
    clientId: base.clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

function assertFit(flags: ConnectionFlags): void {
  const { sasl, username, cert, certKey, profile } = flags
  const refuse = (problem: string, remedy: string) => {
    throw new ConnectionFlagsError({ problem, remedy })
  }
  if (sasl !== undefined && username === undefined && profile === undefined)
    refuse('--sasl needs a user', 'Add --username NAME.')
  if (sasl === undefined && username !== undefined && profile === undefined)
    refuse('--username needs a mechanism to log in by', 'Add --sasl plain, scram-sha-256 or scram-sha-512.')
  if ((cert === undefined) !== (certKey === undefined))
    refuse('a client certificate and its key go together', 'Give both --cert FILE and --cert-key FILE.')
}

/** What the flags are laid over. What reads `headrace.yaml` is loaded only where there is one. */
async function baseConnection(flags: ConnectionFlags, env: Environment): Promise<KafkaConnection> {
  if (flags.profile !== undefined) {
    const { profileConnection } = await import('./declared.ts')
    return await profileConnection(flags.profile, flags.data)
  }
  const given = flags.bootstrap ?? bootstrapOf(env)
  if (given !== undefined) return { bootstrap: given, clientId: CLIENT_ID }
  if (existsSync('headrace.yaml')) {
    const { kafkaConnection } = await import('./declared.ts')
    return await kafkaConnection(flags.data)
  }
  const running = await readRunningServices(flags.data)
  if (running === undefined) throw new AddressMissingError({ data: flags.data })
  return { bootstrap: running.kafka.bootstrap, clientId: CLIENT_ID }
}

async function tlsSettings(flags: ConnectionFlags, base: KafkaConnection['ssl']): Promise<KafkaConnection['ssl']> {
  const { tls, ca, cert, certKey, insecure } = flags
  const files = { '--ca': ca, '--cert': cert, '--cert-key': certKey }
  if (tls === undefined && insecure === undefined && Object.values(files).every((file) => file === undefined))
    return base
  const [caText, certText, keyText] = await Promise.all(
    Object.entries(files).map(([flag, file]) => (file === undefined ? undefined : readText(flag, file))),
  )
  if (ca !== undefined && !caText?.includes('BEGIN CERTIFICATE'))
    throw new FlagFileError({ flag: '--ca', path: ca, reason: 'it holds no certificate in PEM' })
  return {
    ...(typeof base === 'object' ? base : {}),
    ...(caText === undefined ? {} : { ca: caText }),
    ...(certText === undefined ? {} : { cert: certText }),
    ...(keyText === undefined ? {} : { key: keyText }),
    ...(insecure === true ? { rejectUnauthorized: false } : {}),
  }
}

async function saslSettings(
  flags: ConnectionFlags,
  base: KafkaConnection['sasl'],
  env: Environment,
): Promise<KafkaConnection['sasl']> {
  const username = flags.username ?? base?.username
  const mechanism = flags.sasl === undefined ? base?.mechanism : MECHANISMS[flags.sasl]
  if (username === undefined || mechanism === undefined) return undefined
  const ownPassword = username === base?.username ? base.password : undefined
  const password = (await givenPassword(flags, env)) ?? ownPassword ?? (await askPassword(username))
  return { mechanism, username, password }
}

async function givenPassword(flags: ConnectionFlags, env: Environment): Promise<string | undefined> {
  if (flags.passwordFile !== undefined) {
    return (await readText('--password-file', flags.passwordFile)).replace(/\r?\n$/, '')
  }
  if (flags.passwordEnv === undefined) return nonEmpty(env[PASSWORD_VARIABLE])
  const found = nonEmpty(env[flags.passwordEnv])
  if (found !== undefined) return found
  throw new ConnectionFlagsError({
    problem: `the variable ${flags.passwordEnv} of --password-env is not set`,
    remedy: 'Export it, or give --password-file FILE.',
  })
}

async function readText(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new FlagFileError({ flag, path: file, reason }, { cause })
  }
}

function bootstrapOf({ HEADRACE_BOOTSTRAP: text }: Environment): string | undefined {
  if (nonEmpty(text) === undefined) return undefined
  const wrong = wrongAddress(text ?? '')
  if (wrong === undefined) return text
  throw new ConnectionFlagsError({
    problem: `"${wrong}" in HEADRACE_BOOTSTRAP is not host:port`,
    remedy: 'Write host:port, several with commas, as for --bootstrap.',
  })
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
