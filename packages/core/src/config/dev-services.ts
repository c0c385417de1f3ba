import { join } from 'node:path'
import { readOptional } from './read-file.ts'
import { isMapping } from './schema-node.ts'

/** How each type of connection is reached: all else in the file is for people and tools. */
const SETTINGS: Readonly<Record<string, string>> = { kafka: 'bootstrap', postgres: 'url' }

/**
 * What `dev.json` of a data folder says about the services that run for it, as connection settings by type:
 * `{ kafka: { bootstrap }, postgres: { url } }`. Empty where none run: no file, or one left behind by a process that was
 * killed.
 */
export async function readDevServices(dataDirectory: string): Promise<Readonly<Record<string, unknown>>> {
  const file = parseJson(await readOptional(join(dataDirectory, 'dev.json')))
  if (!isMapping(file) || !isMapping(file.owner) || !isAlive(file.owner.pid)) return {}
  const services: Record<string, unknown> = {}
  for (const [type, setting] of Object.entries(SETTINGS)) {
    const service = file[type]
    if (isMapping(service) && service[setting] !== undefined) services[type] = { [setting]: service[setting] }
  }
  return services
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    // Half a file is no answer either way.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isAlive(pid: unknown): boolean {
  if (typeof pid !== 'number') return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
