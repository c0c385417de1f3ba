import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makePages } from './pages.ts'

// `npm run docs` writes docs/generated; `npm run docs -- --check` fails where it is not what would be written.

const folder = fileURLToPath(new URL('../../docs/generated/', import.meta.url))
const pages = await makePages()
const stale = await staleFiles(pages)
if (process.argv.includes('--check')) report(stale)
else await bringUpToDate(stale)
console.log(
  `${pages.size} pages, ${stale.length} ${process.argv.includes('--check') ? 'differ' : 'written or removed'}`,
)

/** Paths whose text differs, that are missing, or that no generator makes any more. */
async function staleFiles(wanted: ReadonlyMap<string, string>): Promise<string[]> {
  const present = new Map<string, string>()
  for await (const path of glob('**/*.{md,json}', { cwd: folder })) {
    present.set(path, await readFile(join(folder, path), 'utf8'))
  }
  const paths = new Set([...wanted.keys(), ...present.keys()])
  return [...paths].filter((path) => wanted.get(path) !== present.get(path)).sort()
}

function report(paths: readonly string[]): void {
  for (const path of paths) console.error(`docs/generated/${path} is out of date: run \`npm run docs\` and commit it`)
  if (paths.length > 0) process.exitCode = 1
}

async function bringUpToDate(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const text = pages.get(path)
    const file = join(folder, path)
    console.log(`docs/generated/${relative(folder, file)}`)
    await mkdir(dirname(file), { recursive: true })
    await (text === undefined ? rm(file) : writeFile(file, text))
  }
}
