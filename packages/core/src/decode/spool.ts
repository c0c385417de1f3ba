import { createHash } from 'node:crypto'
import { constants, mkdir, open, rm, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DiskFullError, type HeadraceError, isDiskFull } from '../errors/index.ts'
import { SpoolFailedError } from './errors.ts'

const TMPFS = '/dev/shm'

/** Memory file systems are small in containers (64 MB) and take their pages from the machine: use one only with room to spare. */
const ROOM = 4

/** More buffers than this in one call are cut short by the operating system (IOV_MAX). */
const BUFFERS_PER_WRITE = 512

/**
 * The folder that a pipeline's epochs pass through: on tmpfs where it is at least four times `maxBytes` free, else below
 * `dataDirectory`. It belongs to that data directory alone, and is emptied here: what a killed process left is gone.
 * Call it holding the pipeline's lock.
 */
export async function spoolFolder(dataDirectory: string, maxBytes: number, tmpfs: string = TMPFS): Promise<string> {
  const home = resolve(dataDirectory)
  const key = createHash('sha256').update(home).digest('hex').slice(0, 16)
  if (await hasRoom(tmpfs, maxBytes * ROOM)) {
    const folder = join(tmpfs, `headrace-${process.getuid?.() ?? 'user'}-${key}`)
    if (await emptied(folder)) return folder
  }
  const folder = join(home, 'spool')
  try {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw spoolFailed(folder, cause)
  }
  return folder
}

/** Call when the pipeline has stopped. */
export async function removeSpoolFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

/** Writes the buffers end to end, straight from where they lie, over whatever the file held. Gives the number of bytes. */
export async function writeSpool(path: string, buffers: readonly Uint8Array[]): Promise<number> {
  try {
    // Written over in place and cut afterwards: pages of a memory file system that exist need not be zeroed anew.
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600)
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

async function writeAll(file: Awaited<ReturnType<typeof open>>, buffers: readonly Uint8Array[]): Promise<number> {
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

/** Whether the folder is now ours and empty. Anyone may make names in /dev/shm, so an existing one is never trusted. */
async function emptied(folder: string): Promise<boolean> {
  try {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { mode: 0o700 })
    return true
  } catch {
    // Another user's: the data directory will do.
    return false
  }
}

function spoolFailed(path: string, cause: unknown): HeadraceError {
  if (isDiskFull(cause)) return new DiskFullError({ path }, { cause })
  const problem = cause instanceof Error ? cause.message : String(cause)
  return new SpoolFailedError({ path, problem }, { cause })
}
