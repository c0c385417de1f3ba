import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { dieWithParent } from './die-with-parent.ts'
import { EmbeddedPostgresFailedError } from './errors.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { type Account, chooseAccount, planLaunch } from './unprivileged.ts'

export const POSTGRES_USER = 'headrace'

/** The files of one embedded server below its folder. */
export interface ClusterPaths {
  readonly directory: string
  /** What PostgreSQL calls the data directory. */
  readonly data: string
  /** The password of its one user, mode 0600. */
  readonly password: string
  readonly owner: string
  readonly log: string
}

export function clusterPaths(directory: string): ClusterPaths {
  const at = (name: string) => path.join(directory, name)
  return { directory, data: at('data'), password: at('password'), owner: at('owner.json'), log: at('server.log') }
}

/** Whom the data belongs to, and so who must run the server. */
export async function clusterAccount(paths: ClusterPaths): Promise<Account> {
  const owner = await stat(paths.data).catch(() => undefined)
  return chooseAccount(owner)
}

/** The user's password; a data directory is made first where there is none. */
export async function ensureCluster(
  paths: ClusterPaths,
  binaries: PostgresBinaries,
  account: Account,
): Promise<string> {
  const exists = await stat(path.join(paths.data, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
  if (!exists) return createCluster(paths, binaries, account)
  return readFile(paths.password, 'utf8').catch((cause) => {
    const reason = `its password file cannot be read (${(cause as Error).message})`
    throw new EmbeddedPostgresFailedError({ doing: 'start', reason, directory: paths.directory }, { cause })
  })
}

/** Made beside its final name and renamed, so that a crash leaves no half-made data directory under that name. */
async function createCluster(paths: ClusterPaths, binaries: PostgresBinaries, account: Account): Promise<string> {
  const unfinished = `${paths.data}.new`
  const password = randomBytes(18).toString('base64url')
  const passwordCopy = path.join(paths.directory, 'initdb-password')
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  await writeFile(paths.password, password, { mode: 0o600 })
  await writeFile(passwordCopy, password, { mode: 0o600 })
  try {
    await giveTo(account, unfinished, passwordCopy)
    await initialize(paths, unfinished, passwordCopy, binaries, account)
    await rename(unfinished, paths.data)
  } finally {
    await rm(passwordCopy, { force: true })
  }
  return password
}

async function giveTo(account: Account, ...files: string[]): Promise<void> {
  if (account.kind === 'self') return
  for (const file of files) await chown(file, account.uid, account.gid)
}

async function initialize(
  paths: ClusterPaths,
  data: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  account: Account,
): Promise<void> {
  const locale = ['--no-locale', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--encoding=UTF8']
  const access = [`--username=${POSTGRES_USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const { exited } = await launch(account, binaries.initdb, ['-D', data, ...access, ...locale, '--no-sync'], paths.log)
  const code = await exited
  if (code === 0) return
  const reason = (await logTail(paths.log)) || `initdb ended with ${code}`
  throw new EmbeddedPostgresFailedError({ doing: 'create its data', reason, directory: paths.directory })
}

export interface Launched {
  readonly child: ChildProcess
  /** The exit status, or the signal or spawning error that ended it. Never rejects. */
  readonly exited: Promise<number | string>
}

/** Starts one of PostgreSQL's programs; its output goes to the log file, which is begun anew. */
export async function launch(
  account: Account,
  program: string,
  programArgs: readonly string[],
  logFile: string,
): Promise<Launched> {
  const { command, args, ...user } = planLaunch(account, program, programArgs)
  const log = await open(logFile, 'w', 0o600)
  try {
    const child = spawn(command, [...args], {
      ...user,
      // A session of its own: Ctrl-C must reach this process, which then stops the server after its last write.
      detached: true,
      cwd: '/',
      // Nothing of the user's PG* variables.
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', log.fd, log.fd],
    })
    const exited = new Promise<number | string>((resolve) => {
      child.once('exit', (status, signal) => resolve(status ?? signal ?? 'killed'))
      child.once('error', (error) => resolve(error.message))
    })
    dieWithParent(child)
    return { child, exited }
  } finally {
    await log.close()
  }
}

/** The lines of the log that say what went wrong, or its end. */
export async function logTail(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).split('\n').filter((line) => line.trim() !== '')
  const telling = lines.filter((line) => /\b(FATAL|PANIC|ERROR|error|fatal):/.test(line))
  return (telling.length > 0 ? telling : lines).slice(-3).join('; ')
}
