import { execFile } from 'node:child_process'
import { glob, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PACKAGES = ['@headrace/adapters', '@headrace/broker', '@headrace/core', '@headrace/server', 'headrace']
const EXAMPLE = 'node_modules/headrace/dist/examples/trades-per-minute.yaml'

/** Where commands are found: those of this machine, whose npm and Node are the ones that reach a registry; then the project's before them. */
const MACHINE_PATH = (process.env.PATH ?? '')
  .split(path.delimiter)
  .filter((entry) => !entry.endsWith(path.join('node_modules', '.bin')))
  .join(path.delimiter)
const PATH = `${path.join(ROOT, 'node_modules', '.bin')}${path.delimiter}${MACHINE_PATH}`

const folder = temporaryFolder('headrace-packed-')
const installed = (file: string): string => path.join(folder(), 'node_modules', file)

/** What someone has who installs the published packages: tarballs, npm, an empty folder. */
beforeAll(async () => {
  await succeed('node', ['scripts/build.ts'], ROOT)
  await succeed(process.execPath, ['scripts/pack.ts', folder()], ROOT, MACHINE_PATH)
  await succeed('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], folder(), MACHINE_PATH)
})

describe('the packages as they are published', () => {
  test.each(PACKAGES)('%s holds what was built, its licence and a readme; no tests, no sources', async (name) => {
    const files: string[] = []
    for await (const entry of glob('**', { cwd: installed(name), exclude: ['node_modules'], withFileTypes: true })) {
      if (entry.isFile()) files.push(path.relative(installed(name), path.join(entry.parentPath, entry.name)))
    }
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/index.js']))
    expect(files.filter((file) => /\.test\.|fixtures|tsbuildinfo/.test(file))).toEqual([])
    const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    expect(sources).toEqual(name === 'headrace' ? ['dist/examples/trades-by-product.ts'] : [])
  })

  test('each entry that a package names is there and can be imported', async () => {
    const entries = [
      'headrace',
      '@headrace/core',
      '@headrace/broker',
      '@headrace/broker/protocol',
      '@headrace/adapters',
    ]
    const script = entries.map((name) => `console.log(Object.keys(await import('${name}')).length > 0)`).join('\n')
    const { stdout } = await run('node', ['--input-type=module', '--eval', script], folder())
    expect(stdout).toBe('true\n'.repeat(entries.length))
    for (const name of PACKAGES) {
      const { exports } = JSON.parse(await readFile(path.join(installed(name), 'package.json'), 'utf8'))
      const targets = Object.values<string | Record<string, string>>(exports).flatMap((target) =>
        typeof target === 'string' ? [target] : Object.values(target),
      )
      expect(targets.length).toBeGreaterThan(0)
      for (const target of targets) expect(await readFile(path.join(installed(name), target), 'utf8')).not.toBe('')
    }
  })

  test('the declarations tell a right pipeline from a wrong one', async () => {
    const pipeline = await readFile(installed('headrace/dist/examples/trades-by-product.ts'), 'utf8')
    await writeFile(path.join(folder(), 'right.ts'), pipeline)
    await writeFile(path.join(folder(), 'wrong.ts'), pipeline.replace('  steps:', '  stepps:'))
    const check = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node']
    const typeRoots = ['--typeRoots', path.join(ROOT, 'node_modules', '@types')]
    const { stdout } = await outcome('tsc', [...check, ...typeRoots, 'right.ts', 'wrong.ts'])
    expect(stdout).toMatch(/^wrong\.ts\(\d+,\d+\): error TS\d+: .*'stepps'.*\n$/)
  })
})

describe('the installed command', () => {
  test('is found by npx, says its version and what it can do', async () => {
    const { version } = JSON.parse(await readFile(installed('headrace/package.json'), 'utf8'))
    expect(await npx('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    expect(await npx('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage: headrace') })
  })

  test('validates a file', async () => {
    const { code, stdout } = await npx('validate', EXAMPLE)
    expect(stdout).toBe(`✓ ${EXAMPLE}: trades-per-minute, 2 steps, 2 sinks\n`)
    expect(code).toBe(0)
  })

  test('runs the demo', async () => {
    const { code, stdout } = await npx('demo', '--count', '5000')
    expect(stdout).toMatch(/✓ Parquet agrees with the recount: all [\d,]+ rows are the same/)
    expect(stdout).toMatch(/✓ PostgreSQL agrees with the recount: all [\d,]+ rows are the same/)
    expect(code).toBe(0)
  })

  test('tells an older Node in one line', async () => {
    const older = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } })"
    const main = installed('headrace/dist/main.js')
    const { code, stdout, stderr } = await outcome('node', ['--import', `data:text/javascript,${older}`, main, 'demo'])
    expect(stderr).toMatch(/^NODE_TOO_OLD {2}headrace needs Node \d+\.\d+ or newer, and this is 20\.11\.1 .*\n$/)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    // The real one would not get as far as the line above if it had to link a name that it does not export.
    const startup = await readFile(installed('headrace/dist/startup.js'), 'utf8')
    expect(startup).toMatch(/^import \w+ from 'node:module'/m)
    expect(startup).not.toMatch(/^import \{/m)
  })
})

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Through npx, as a user would; what npx itself has to say about its configuration is not the command's. */
async function npx(...args: string[]): Promise<Outcome> {
  const { stderr, ...ended } = await outcome('npx', ['--no-install', 'headrace', ...args])
  return { ...ended, stderr: stderr.replaceAll(/^npm (warn|notice).*\n/gm, '') }
}

async function outcome(command: string, args: readonly string[]): Promise<Outcome> {
  return await run(command, args, folder()).then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }: Outcome) => ({ code, stdout, stderr }),
  )
}

async function succeed(command: string, args: readonly string[], cwd: string, searched = PATH): Promise<void> {
  await run(command, args, cwd, searched).catch(({ stdout, stderr }: Outcome) => {
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  })
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  searched = PATH,
): Promise<{ stdout: string; stderr: string }> {
  // What an outer npm run tells its scripts would lead an inner npm to the outer project.
  const own = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry|userconfig)$)/.test(name))
  const env = { ...Object.fromEntries(own), PATH: searched }
  return await promisify(execFile)(command, args, { cwd, env, timeout: 100_000 })
}
