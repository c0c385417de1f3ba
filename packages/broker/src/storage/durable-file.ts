import fs from 'node:fs/promises'
import path from 'node:path'

type Content = string | Uint8Array | AsyncIterable<Uint8Array>

/**
 * Replaces a file as one step: a reader, even after a power cut, finds the old content or the new one, never a part. `mode` are its
 * permissions.
 */
export async function replaceFile(file: string, content: Content, mode = 0o666): Promise<void> {
  const temporary = `${file}.tmp`
  try {
    await writeSynced(temporary, content, mode)
    await fs.rename(temporary, file)
  } catch (error) {
    // Often it is for want of room: then what was begun must not take any.
    await fs.rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  await syncFolder(path.dirname(file))
}

async function writeSynced(file: string, content: Content, mode: number): Promise<void> {
  const handle = await fs.open(file, 'w', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the names in a folder durable: files created, renamed or removed in it. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The file's content, or undefined where there is no such file. */
export async function readFileIfAny(file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Whether `error` is the operating system's error of that name, such as ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
