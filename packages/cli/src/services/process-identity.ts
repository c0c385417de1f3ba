import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A process number alone says little: numbers are used again. With the start time it names one process. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the system's own form; compared, never read. */
  readonly started: string
}

/** The identity of a living process; undefined when there is none of that number. */
async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (!isAlive(pid)) return undefined
  const started = process.platform === 'linux' ? await startTicks(pid) : await psField(pid, 'lstart')
  return started === undefined ? undefined : { pid, started }
}

export async function identifySelf(): Promise<ProcessIdentity> {
  return (await identifyProcess(process.pid)) ?? { pid: process.pid, started: 'unknown' }
}

/** Whether exactly this process still lives. */
export async function isSameProcess(identity: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(identity.pid))?.started === identity.started
}

/** The command line of a living process, arguments joined by spaces. */
export async function commandLine(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return psField(pid, 'args')
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text === '' ? undefined : text.split('\0').join(' ').trim()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, but belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Sends the signal and waits until the process is gone; gives false when it still lives after `timeoutMs`. Not for own children. */
export async function signalAndWait(pid: number, signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs
  if (isAlive(pid)) process.kill(pid, signal)
  // The end of a process that is not our child can only be seen by looking.
  while (await livesOn(pid)) {
    if (performance.now() > until) return false
    await delay(10)
  }
  return true
}

/** A zombie that its parent has not fetched yet counts as gone. */
async function livesOn(pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (process.platform !== 'linux') return true
  const state = (await statFields(pid))?.[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

async function startTicks(pid: number): Promise<string | undefined> {
  const fields = await statFields(pid)
  // proc(5): state is field 3, starttime field 22.
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19]
}

/** The fields of /proc/PID/stat after the command name, which may hold spaces and parentheses itself. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function psField(pid: number, field: 'lstart' | 'args'): Promise<string | undefined> {
  const text = await run('ps', ['-o', `${field}=`, '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  return text === '' ? undefined : text
}
