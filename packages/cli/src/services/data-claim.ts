import { readFile, rm, writeFile } from 'node:fs/promises'
import { ServiceDataInUseError } from './errors.ts'
import { identifySelf, isSameProcess, type ProcessIdentity } from './process-identity.ts'

/** The file that names the process which uses a service's folder. */
export interface DataClaim {
  release(): Promise<void>
}

/**
 * Takes a service's folder for this process. The claim of a process that lives no more is taken over. Throws
 * SERVICE_DATA_IN_USE while the other one lives, this process itself included.
 */
export async function claimData(file: string, service: string, directory: string): Promise<DataClaim> {
  const self = await identifySelf()
  for (let attempt = 0; ; attempt += 1) {
    if (await createOwnerFile(file, self)) return { release: () => rm(file, { force: true }) }
    const owner = await readOwner(file)
    if (attempt === 3 || (owner !== undefined && (await isSameProcess(owner)))) {
      throw new ServiceDataInUseError({ service, directory, ...(owner === undefined ? {} : { pid: owner.pid }) })
    }
    await rm(file, { force: true })
  }
}

async function createOwnerFile(file: string, owner: ProcessIdentity): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(owner), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Undefined when the file is gone or was cut off by a crash. */
async function readOwner(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner = JSON.parse(await readFile(file, 'utf8')) as Partial<ProcessIdentity>
    return typeof owner.pid === 'number' && typeof owner.started === 'string'
      ? { pid: owner.pid, started: owner.started }
      : undefined
  } catch {
    return undefined
  }
}
