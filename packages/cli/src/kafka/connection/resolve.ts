import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { adapters } from '@headrace/adapters'
import type { KafkaConnection } from '@headrace/adapters/kafka'
import { HeadraceError, loadConnections } from '@headrace/core'
import type { CliContext } from '../../context.ts'
import { AddressMissingError, ConnectionFlagsError, FlagFileError, ProfileUnknownError } from '../errors.ts'
import { type ConnectionFlags, MECHANISMS } from './options.ts'
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

/** What the flags are laid over. */
async function baseConnection(flags: ConnectionFlags, env: Environment): Promise<KafkaConnection> {
  if (flags.profile !== undefined) return await profileConnection(flags.profile, flags.data)
  const given = flags.bootstrap ?? nonEmpty(env.HEADRACE_BOOTSTRAP)
  if (given !== undefined) return { bootstrap: given, clientId: CLIENT_ID }
  const connections = await loadConnections({ adapters, directory: process.cwd(), dataDirectory: flags.data })
  try {
    return connections.resolve('kafka') as KafkaConnection
  } catch (error) {
    if (error instanceof HeadraceError && error.code === 'CONNECTION_UNKNOWN')
      throw new AddressMissingError({ data: flags.data }, { cause: error })
    throw error
  }
}

/** A connection by its name: of the `headrace.yaml` here, else of the user's own. */
async function profileConnection(name: string, dataDirectory: string): Promise<KafkaConnection> {
  const folders = [process.cwd(), path.join(process.env.XDG_CONFIG_HOME ?? path.join(homedir(), '.config'), 'headrace')]
  const known: string[] = []
  for (const directory of folders) {
    const connections = await loadConnections({ adapters, directory, upTo: directory, dataDirectory })
    if (connections.declared.has(name)) return connections.resolve('kafka', name) as KafkaConnection
    known.push(...[...connections.declared].filter(([, type]) => type === 'kafka').map(([found]) => found))
  }
  const looked = folders.map((folder) => path.join(path.relative(process.cwd(), folder), 'headrace.yaml'))
  throw new ProfileUnknownError({ name, known, looked: looked.join(' or ') })
}

async function tlsSettings(flags: ConnectionFlags, base: KafkaConnection['ssl']): Promise<KafkaConnection['ssl']> {
  const { tls, ca, cert, certKey, insecure } = flags
  const files = { '--ca': ca, '--cert': cert, '--cert-key': certKey }
  if (tls === undefined && insecure === undefined && Object.values(files).every((file) => file === undefined))
    return base
  const [caText, certText, keyText] = await Promise.all(
    Object.entries(files).map(([flag, file]) => (file === undefined ? undefined : readText(flag, file))),
  )
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

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
