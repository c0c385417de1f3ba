import { open, rename } from 'node:fs/promises'

/** Makes a file's content, or a folder's names, survive a power cut. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A reader sees the old text or the new one, whole. Not synced: for what can be made again. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  const handle = await open(fresh, 'w')
  try {
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
  await rename(fresh, path)
}
