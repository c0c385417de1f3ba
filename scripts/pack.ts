/**
 * `node scripts/pack.ts FOLDER`, after `npm run build`: the packages as they are published, and a package.json that installs them.
 * Each comes from its tarball, also where another one depends on it: never what a registry has under its name.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { glob, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('the folder is missing')
const root = path.resolve(import.meta.dirname, '..')
const destination = path.resolve(folder)

await mkdir(destination, { recursive: true })
await pack()
const names = await packageNames()
const tarballs = (await readdir(destination)).filter((file) => file.endsWith('.tgz'))
const dependencies = Object.fromEntries(names.map((name) => [name, `file:${tarballOf(name)}`]))
const overrides = Object.fromEntries(names.map((name) => [name, `$${name}`]))
const manifest = { private: true, type: 'module', dependencies, overrides }
await writeFile(path.join(destination, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)

async function pack(): Promise<void> {
  const { packageManager } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
  const args = ['-y', packageManager, '-r', 'pack', '--pack-destination', destination]
  const [code] = await once(spawn('npx', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }), 'exit')
  if (code !== 0) throw new Error(`pnpm pack ended with ${code}`)
}

async function packageNames(): Promise<string[]> {
  const found: string[] = []
  for await (const file of glob('packages/*/package.json', { cwd: root })) {
    found.push(JSON.parse(await readFile(path.join(root, file), 'utf8')).name)
  }
  return found
}

/** `@headrace/core` is packed as `headrace-core-0.1.0.tgz`. */
function tarballOf(name: string): string {
  const stem = name.replace('@', '').replace('/', '-')
  const found = tarballs.find((file) => file.replace(/-\d.*$/, '') === stem)
  if (found === undefined) throw new Error(`no tarball of ${name}`)
  return `./${found}`
}
