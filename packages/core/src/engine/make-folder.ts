import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { dataFolderFailure } from '../errors/index.ts'

/**
 * `mkdir -p`, one folder after the other: Node's own says ENOENT of a parent where a file system is read-only, and never ends
 * where one refuses folders with ENOENT (as /proc does).
 */
export async function makeFolder(folder: string, mode?: number): Promise<void> {
  for (const missing of await missingFolders(resolve(folder))) {
    await mkdir(missing, mode === undefined ? {} : { mode }).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker.
      if (error.code !== 'EEXIST') throw error
    })
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

/** Those of a path that do not exist, outermost first. Throws ENOTDIR where a file stands in the way. */
async function missingFolders(folder: string): Promise<string[]> {
  try {
    if (!(await stat(folder)).isDirectory()) throw Object.assign(new Error(`${folder} is a file`), { code: 'ENOTDIR' })
    return []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error
    return [...(await missingFolders(dirname(folder))), folder]
  }
}
