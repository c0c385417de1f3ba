import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * An example pipeline by its file name. The repository has them in `examples/`; packing copies that folder into the
 * package, so that the demo of an installed `headrace` runs the same file.
 */
export function examplePath(name: string): string {
  const packaged = fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
  return existsSync(packaged) ? packaged : fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
}
