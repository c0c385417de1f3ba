import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/headrace-test/', import.meta.url))

/**
 * A folder that is filled once and then kept for later runs: packages of other languages, compiled programs. `name` says all that its
 * content depends on. Whoever fills it at the same time does so in a folder of its own, and one of them stays.
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  await mkdir(CACHE, { recursive: true })
  const filling = await mkdtemp(join(CACHE, `${basename(name)}.`))
  try {
    await fill(filling)
    await rename(filling, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  } finally {
    await rm(filling, { recursive: true, force: true })
  }
  return folder
}
