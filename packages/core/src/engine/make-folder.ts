import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { dataFolderFailure } from '../errors/index.ts'

/** `mkdir -p`. Its error is that of the folder that cannot be made, not the ENOENT that Node gives for a read-only parent. */
export async function makeFolder(folder: string, mode?: number): Promise<void> {
  const options = { recursive: true, ...(mode === undefined ? {} : { mode }) }
  try {
    await mkdir(folder, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await mkdir(await firstMissing(resolve(folder)), { ...options, recursive: false })
    await mkdir(folder, options)
  }
}

/** `makeFolder` for the data folder or one in it. Throws DATA_FOLDER_UNUSABLE or DISK_FULL. */
export async function makeDataFolder(folder: string, mode?: number): Promise<void> {
  try {
    await makeFolder(folder, mode)
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw dataFolderFailure(error, folder) ?? error
  }
}

async function firstMissing(folder: string): Promise<string> {
  const parent = dirname(folder)
  const found = await stat(parent).catch(() => undefined)
  return found !== undefined || parent === folder ? folder : firstMissing(parent)
}
