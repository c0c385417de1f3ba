/**
 * `npm run build`: what is published of every package, in its `dist`. JavaScript and declarations by tsc, without tests; the
 * example pipelines go into the command line's, so that the demo of an installed `headrace` finds its file. The broker's command is
 * one file with all that it needs: it starts in half the time that loading a hundred and sixty takes, and in less memory.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, glob, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

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
  await intoOneFile('packages/broker/dist/command.js')
  await cp('examples', 'packages/cli/dist/examples', { recursive: true })
}
process.exitCode = code ?? 1

/** Native libraries stay outside: they are loaded from where they are installed. */
async function intoOneFile(file: string): Promise<void> {
  const { dependencies } = JSON.parse(await readFile('packages/broker/package.json', 'utf8')) as {
    dependencies: Record<string, string>
  }
  const bundle = await rolldown({ input: file, platform: 'node', external: Object.keys(dependencies) })
  await bundle.write({ file, format: 'esm', codeSplitting: false })
  await bundle.close()
}

function withJsExtensions(declarations: string): string {
  return declarations.replaceAll(/((?:from|import) ?\(?)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
}
