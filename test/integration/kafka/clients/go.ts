import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../../../support/run-program.ts'
import { cachedFolder } from '../../../support/test-cache.ts'
import { parseResults, type Results } from '../describe-client.ts'

const FOLDER = fileURLToPath(new URL('./go/', import.meta.url))

export interface GoClient {
  readonly version: string
  readonly missing?: string
  run(args: readonly string[]): Promise<Results>
}

/** The program of `go/`, built once with the modules it names; or what is missing. */
export async function franzGo(): Promise<GoClient> {
  const files = globSync('*', { cwd: FOLDER }).sort()
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(FOLDER, file)))
  const version = /franz-go v(\S+)/.exec(readFileSync(join(FOLDER, 'go.mod'), 'utf8'))?.[1] ?? ''
  try {
    const build = (folder: string) =>
      runProgram('go', ['build', '-o', join(folder, 'franz'), '.'], { cwd: FOLDER }).then(() => undefined)
    const program = join(await cachedFolder(`franz-go-${hash.digest('hex').slice(0, 12)}`, build), 'franz')
    return { version, run: async (args) => parseResults(await runProgram(program, args)) }
  } catch (error) {
    const missing = `Go: ${error instanceof Error ? error.message : String(error)}`
    return { version, missing, run: () => Promise.reject(new Error(missing)) }
  }
}
