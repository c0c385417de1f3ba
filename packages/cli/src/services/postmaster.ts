import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { commandLine, signalAndWait } from './process-identity.ts'

const STOP_TIMEOUT_MS = 15_000

/** What the first process of a PostgreSQL server writes into its data directory. */
export interface Postmaster {
  readonly pid: number
  readonly dataDirectory: string
  readonly ready: boolean
}

/** Undefined when there is no pid file, or when only its beginning has been written. */
export async function readPostmaster(dataDirectory: string): Promise<Postmaster | undefined> {
  const text = await readFile(pidFile(dataDirectory), 'utf8').catch(() => '')
  // src/include/utils/pidfile.h: pid, data directory, start time, port, socket, address, shared memory, state.
  const lines = text.split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 1 || lines[1] === undefined) return undefined
  return { pid, dataDirectory: lines[1], ready: lines[7]?.trim() === 'ready' }
}

/**
 * A server that outlived its parent holds the data directory: it is stopped, if it runs on exactly this directory. A pid file
 * whose number now belongs to some other program would keep the server from starting: it is removed.
 */
export async function stopOrphan(dataDirectory: string): Promise<void> {
  const postmaster = await readPostmaster(dataDirectory)
  if (postmaster === undefined || postmaster.dataDirectory !== dataDirectory) return
  const command = await commandLine(postmaster.pid)
  if (command === undefined) return
  if (!command.includes(`postgres -D ${dataDirectory} `)) return rm(pidFile(dataDirectory), { force: true })
  if (await signalAndWait(postmaster.pid, 'SIGINT', STOP_TIMEOUT_MS)) return
  await signalAndWait(postmaster.pid, 'SIGQUIT', STOP_TIMEOUT_MS)
}

function pidFile(dataDirectory: string): string {
  return path.join(dataDirectory, 'postmaster.pid')
}
