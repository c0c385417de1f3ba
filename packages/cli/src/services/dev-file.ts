import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isSameProcess, type ProcessIdentity } from './process-identity.ts'

/** `<data>/dev.json`: the addresses of the services that run for a data folder. It holds a password: mode 0600. */
export interface DevFile {
  /** The process that started them and stops them. */
  readonly owner: ProcessIdentity
  readonly kafka: { readonly bootstrap: string }
  readonly postgres?: {
    readonly url: string
    readonly host: string
    readonly port: number
    readonly user: string
    readonly password: string
    readonly database: string
  }
  readonly pids: { readonly broker: number; readonly postgres?: number }
}

function devFilePath(dataDirectory: string): string {
  return path.join(dataDirectory, 'dev.json')
}

/** The running services of a data folder; undefined when there are none, or when those in the file live no more. */
export async function readRunningServices(dataDirectory: string): Promise<DevFile | undefined> {
  const text = await readFile(devFilePath(dataDirectory), 'utf8').catch(() => undefined)
  const file = text === undefined ? undefined : parseDevFile(text)
  return file !== undefined && (await isSameProcess(file.owner)) ? file : undefined
}

/** Written beside its final name and renamed: a reader sees all of it or none. */
export async function writeDevFile(dataDirectory: string, file: DevFile): Promise<void> {
  const target = devFilePath(dataDirectory)
  const unfinished = `${target}.${randomBytes(4).toString('hex')}`
  await writeFile(unfinished, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 })
  await rename(unfinished, target)
}

export async function removeDevFile(dataDirectory: string): Promise<void> {
  await rm(devFilePath(dataDirectory), { force: true })
}

function parseDevFile(text: string): DevFile | undefined {
  try {
    const file = JSON.parse(text) as Partial<DevFile>
    const complete = typeof file.owner?.pid === 'number' && typeof file.kafka?.bootstrap === 'string'
    return complete ? (file as DevFile) : undefined
  } catch {
    return undefined
  }
}
