import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * An example pipeline by its file name. The repository has them in `examples/`; the build copies that folder beside this
 * file, so that the demo of an installed `headrace` runs the same one.
 */
export function examplePath(name: string): string {
  const packaged = fileURLToPath(new URL(`./examples/${name}`, import.meta.url))
  return existsSync(packaged) ? packaged : fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
}
