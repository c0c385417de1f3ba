import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { dataFolderFailure } from '../errors/index.ts'

/**
 * `mkdir -p`, one folder at a time. Node's own asks again and again for ever where the parent exists and yet nothing can be
 * made in it (`/proc`), and says ENOENT of a read-only one.
 */
export async function makeFolder(folder: string, mode?: number): Promise<void> {
  for (const missing of await missingFolders(resolve(folder))) {
    try {
      await mkdir(missing, mode === undefined ? {} : { mode })
    } catch (error) {
      // Somebody else made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
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

/** The folders on the way that do not exist, outermost first. */
async function missingFolders(folder: string): Promise<string[]> {
  const missing: string[] = []
  for (let at = folder; (await stat(at).catch(() => undefined)) === undefined; at = dirname(at)) {
    missing.unshift(at)
    if (dirname(at) === at) break
  }
  return missing
}
