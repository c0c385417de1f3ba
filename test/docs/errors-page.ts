import { glob, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { errorCatalogue } from '@headrace/core'
import { page } from './markdown.ts'
import '@headrace/adapters'
import '@headrace/server'
import 'headrace'

const FAULTS = {
  user: 'yours to mend; exit code 1, HTTP 400',
  external: 'another system’s; exit code 1, HTTP 502',
  bug: 'a fault of Headrace; exit code 1, HTTP 500: please report it',
}
const RETRIES = { never: 'not tried again', backoff: 'tried again, waiting longer each time' }

/** Every error that has a code, with the message and hint of an example. */
export async function errorsPage(): Promise<string> {
  const specs = errorCatalogue()
  const codes = new Set(specs.map((spec) => spec.code))
  const absent = (await codesInSources()).filter((found) => !codes.has(found))
  if (absent.length > 0) throw new Error(`errors that no package entry loads: ${absent.join(', ')}`)
  return page(
    'Errors',
    'Every error has a code that stays the same, says what is wrong, and how to mend it. Texts are those of an example.',
    ...specs.map((spec) =>
      [
        `### ${spec.code}`,
        spec.message(spec.example),
        `*${spec.hint(spec.example)}*`,
        `Fault: ${FAULTS[spec.fault]}. ${capital(RETRIES[spec.retry])}.`,
      ].join('\n\n'),
    ),
  )
}

/** The codes written in `defineError` calls: none may be missing from the page because nothing imports it. */
async function codesInSources(): Promise<string[]> {
  const root = fileURLToPath(new URL('../../packages/', import.meta.url))
  const codes: string[] = []
  for await (const file of glob('*/src/**/*.ts', { cwd: root })) {
    if (/(\.test|\/testing)\.ts$/.test(file)) continue
    const text = await readFile(root + file, 'utf8')
    for (const [, found] of text.matchAll(/defineError[\s\S]*?\bcode: '([A-Z_0-9]+)'/g)) codes.push(found as string)
  }
  if (codes.length === 0) throw new Error('no error definitions were found in the sources')
  return codes
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
