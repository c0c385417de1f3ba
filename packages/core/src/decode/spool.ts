import { createHash } from 'node:crypto'
import {
  constants,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readlink,
  rm,
  stat,
  statfs,
  symlink,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { DiskFullError, type HeadraceError, isDiskFull } from '../errors/index.ts'
import { SpoolFailedError } from './errors.ts'

const TMPFS = '/dev/shm'

/** How this user's folders on tmpfs begin. */
const OURS = `headrace-${process.getuid?.() ?? 'user'}-`

/** The file in the folder that epochs pass through. */
export const SPOOL_FILE = 'epoch.ndjson'

/** Memory file systems are small in containers (64 MB) and take their pages from the machine: use one only with room to spare. */
const ROOM = 4

/** More buffers than this in one call are cut short by the operating system (IOV_MAX). */
const BUFFERS_PER_WRITE = 512

/** A folder on tmpfs that has not been written to for so long belongs to a process that was killed. */
const FORSAKEN_MS = 24 * 3600 * 1000

/**
 * The folder that a pipeline's epochs pass through: on tmpfs where it is at least four times `maxBytes` free, else below
 * `dataDirectory`. It has a name of its own, which a link in the data directory keeps, and what a killed process left is
 * removed here. Call it holding the pipeline's lock.
 */
export async function spoolFolder(dataDirectory: string, maxBytes: number, tmpfs: string = TMPFS): Promise<string> {
  const home = resolve(dataDirectory)
  const link = join(home, 'spool')
  try {
    await removeSpoolFolder(home)
    if (await hasRoom(tmpfs, maxBytes * ROOM)) {
      await removeForsaken(tmpfs)
      const folder = await folderOn(tmpfs, prefixOf(home), link)
      if (folder !== undefined) return folder
    }
    await mkdir(link, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw spoolFailed(link, cause)
  }
  return link
}

/** Removes the pipeline's folder, wherever it is. Call when the pipeline has stopped. */
export async function removeSpoolFolder(dataDirectory: string): Promise<void> {
  const home = resolve(dataDirectory)
  const link = join(home, 'spool')
  const target = await readlink(link).catch(() => undefined)
  // The link of a copied data directory leads to the folder of the one that it was copied from.
  if (target !== undefined && basename(target).startsWith(prefixOf(home)))
    await rm(target, { recursive: true, force: true })
  await rm(link, { recursive: true, force: true })
}

function prefixOf(home: string): string {
  return `${OURS}${createHash('sha256').update(home).digest('hex').slice(0, 16)}-`
}

/** A fresh folder on `tmpfs` and the link to it; undefined where either cannot be made. */
async function folderOn(tmpfs: string, prefix: string, link: string): Promise<string | undefined> {
  try {
    const folder = await mkdtemp(join(tmpfs, prefix))
    await mkdir(dirname(link), { recursive: true })
    await symlink(folder, link)
    return folder
  } catch {
    // No room for names, or no links on this file system: the data directory will do.
    return undefined
  }
}

/** Folders whose data directory is gone as well, so that nobody else will ever remove them. */
async function removeForsaken(tmpfs: string): Promise<void> {
  const names = (await readdir(tmpfs)).filter((name) => name.startsWith(OURS))
  for (const name of names) {
    const folder = join(tmpfs, name)
    const newest = await stat(join(folder, SPOOL_FILE)).catch(() => stat(folder).catch(() => undefined))
    if (newest !== undefined && Date.now() - newest.mtimeMs > FORSAKEN_MS)
      await rm(folder, { recursive: true, force: true })
  }
}

/** Writes the buffers end to end, straight from where they lie, over whatever the file held. Gives the number of bytes. */
export async function writeSpool(path: string, buffers: readonly Uint8Array[]): Promise<number> {
  try {
    // Written over in place and cut afterwards: pages of a memory file system that exist need not be zeroed anew.
    const file = await openAgain(path)
    try {
      const length = await writeAll(file, buffers)
      await file.truncate(length)
      return length
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw spoolFailed(path, cause)
  }
}

/** Makes the folder anew where someone has removed it: what is left on tmpfs is cleared away, as when a user logs out. */
async function openAgain(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT
  try {
    return await open(path, flags, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await mkdir(dirname(path), { mode: 0o700 })
    return await open(path, flags, 0o600)
  }
}

async function writeAll(file: FileHandle, buffers: readonly Uint8Array[]): Promise<number> {
  let position = 0
  let next = 0
  let skip = 0
  while (next < buffers.length) {
    const some = buffers.slice(next, next + BUFFERS_PER_WRITE)
    some[0] = (some[0] as Uint8Array).subarray(skip)
    const { bytesWritten } = await file.writev(some, position)
    position += bytesWritten
    // A write may stop anywhere, within a buffer too.
    let written = bytesWritten + skip
    while (next < buffers.length && written >= (buffers[next] as Uint8Array).length) {
      written -= (buffers[next] as Uint8Array).length
      next++
    }
    skip = written
  }
  return position
}

async function hasRoom(directory: string, bytes: number): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize >= bytes
  } catch {
    // No such file system here (macOS has none).
    return false
  }
}

function spoolFailed(path: string, cause: unknown): HeadraceError {
  if (isDiskFull(cause)) return new DiskFullError({ path }, { cause })
  const problem = cause instanceof Error ? cause.message : String(cause)
  return new SpoolFailedError({ path, problem }, { cause })
}
