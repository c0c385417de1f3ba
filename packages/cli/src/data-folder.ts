import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { DataFolderError } from './errors.ts'

/** Makes a data folder where it is missing. Throws DATA_FOLDER_UNUSABLE where it cannot be made or written. */
export async function ensureDataFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new DataFolderError({ folder, reason: reasonOf(cause as NodeJS.ErrnoException) }, { cause })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'a file stands in its place',
  ENOTDIR: 'a file stands in its place',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
}

function reasonOf({ code = '', message }: NodeJS.ErrnoException): string {
  return REASONS[code] ?? message
}
