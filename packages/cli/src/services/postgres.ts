import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makeDataFolder } from '@headrace/core/folders'
import { Client } from 'pg'
import { claimData, type DataClaim } from './data-claim.ts'
import { EmbeddedPostgresFailedError, ServicePortInUseError } from './errors.ts'
import { freePort } from './free-port.ts'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts'
import {
  type ClusterPaths,
  clusterAccount,
  clusterPaths,
  ensureCluster,
  type Launched,
  launch,
  logTail,
  POSTGRES_USER,
} from './postgres-cluster.ts'
import { readPostmaster, stopOrphan } from './postmaster.ts'
import type { Account } from './unprivileged.ts'

const HOST = '127.0.0.1'
const DATABASE = 'headrace'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 15_000

export interface PostgresOptions {
  /** The server's own folder, `<data>/postgres`; made when it is not there, used again when it is. */
  readonly directory: string
  /** Any free one unless given. */
  readonly port?: number
  /** False: nothing is forced to disk. For demos and tests, whose data may go with the machine's power. */
  readonly durable?: boolean
}

export interface PostgresService {
  /** With user and password. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly pid: number
  /** Settles when the server has ended, whatever ended it. */
  readonly exited: Promise<void>
  /** Ends open sessions and stops the server; safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts the embedded PostgreSQL on loopback, as any user, root included. It goes away with this process, even by SIGKILL;
 * one that was left behind all the same is stopped first. Throws EMBEDDED_POSTGRES_MISSING, EMBEDDED_POSTGRES_FAILED,
 * SERVICE_PORT_IN_USE or SERVICE_DATA_IN_USE.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresService> {
  const binaries = await findPostgresBinaries()
  const paths = clusterPaths(path.resolve(options.directory))
  await makeDataFolder(paths.directory, 0o700)
  const claim = await claimData(paths.owner, 'PostgreSQL', paths.directory)
  try {
    await stopOrphan(paths.data)
    const account = await clusterAccount(paths)
    const password = await ensureCluster(paths, binaries, account)
    const server = await startServer(paths, binaries, account, options)
    return await openService(server, password, claim)
  } catch (error) {
    await claim.release()
    throw error
  }
}

interface Server extends Launched {
  readonly port: number
}

/** A free port may be taken by someone else before the server has it: then another one, unless the user named it. */
async function startServer(
  paths: ClusterPaths,
  binaries: PostgresBinaries,
  account: Account,
  options: PostgresOptions,
): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort(HOST))
    const server = await launch(account, binaries.postgres, serverArguments(paths.data, port, options), paths.log)
    if (await becomesReady(paths, server)) return { ...server, port }
    const reason = (await logTail(paths.log)) || `it ended with ${await server.exited}`
    const portTaken = /could not (bind|create any TCP\/IP sockets)|Address already in use/.test(reason)
    if (portTaken && options.port !== undefined) throw new ServicePortInUseError({ service: 'PostgreSQL', port })
    if (!portTaken || attempt === 3) {
      throw new EmbeddedPostgresFailedError({ doing: 'start', reason, directory: paths.directory })
    }
  }
}

function serverArguments(data: string, port: number, options: PostgresOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: HOST,
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    shared_buffers: '64MB',
    max_connections: '50',
    // The server's own default begins with a schema named after the user: Headrace's, where nobody's tables belong.
    search_path: 'public',
    // No pool of I/O processes for a server on a laptop.
    io_method: 'sync',
    ...(options.durable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  }
  return [
    '-D',
    data,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]
}

/** False when the server ended instead. */
async function becomesReady(paths: ClusterPaths, { child, exited }: Launched): Promise<boolean> {
  const until = performance.now() + START_TIMEOUT_MS
  while (performance.now() < until) {
    const postmaster = await readPostmaster(paths.data)
    if (postmaster?.pid === child.pid && postmaster?.ready) return true
    if (await Promise.race([exited.then(() => true), delay(10, false)])) return false
  }
  child.kill('SIGQUIT')
  await exited
  return false
}

async function openService(server: Server, password: string, claim: DataClaim): Promise<PostgresService> {
  const { child, port, exited } = server
  const stop = async () => {
    await stopServer(server)
    await claim.release()
  }
  try {
    await ensureDatabase(port, password)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: `postgres://${POSTGRES_USER}:${password}@${HOST}:${port}/${DATABASE}`,
    host: HOST,
    port,
    user: POSTGRES_USER,
    password,
    database: DATABASE,
    pid: child.pid ?? 0,
    exited: exited.then(() => undefined),
    stop,
  }
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new Client({ host: HOST, port, user: POSTGRES_USER, password, database: 'postgres', ssl: false })
  await client.connect()
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  } finally {
    await client.end()
  }
}

/** SIGINT is PostgreSQL's fast shutdown: sessions end, a checkpoint is written. SIGQUIT leaves recovery to the next start. */
async function stopServer({ child, exited }: Launched): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGINT')
  const timer = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
}
