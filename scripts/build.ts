/**
 * `npm run build`: what is published of every package, in its `dist`. JavaScript and declarations by tsc, without tests; the
 * example pipelines go into the command line's, so that the demo of an installed `headrace` finds its file.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, glob, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

for await (const dist of glob('packages/*/dist')) await rm(dist, { recursive: true })
const [code] = (await once(spawn('tsc', ['-b', '--force', 'tsconfig.build.json'], { stdio: 'inherit' }), 'exit')) as [
  number | null,
]
if (code === 0) {
  // tsc rewrites the extensions of relative imports in JavaScript, but leaves them in declarations.
  for await (const file of glob('packages/*/dist/**/*.d.ts')) {
    await writeFile(file, withJsExtensions(await readFile(file, 'utf8')))
  }
  await cp('examples', 'packages/cli/dist/examples', { recursive: true })
}
process.exitCode = code ?? 1

function withJsExtensions(declarations: string): string {
  return declarations.replaceAll(/((?:from|import) ?\(?)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
}
