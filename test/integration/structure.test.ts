import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { adapters } from '@headrace/adapters'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LONGEST = 500

interface Code {
  /** From the root, with `/`. */
  readonly path: string
  readonly text: string
}

function codeAt(...patterns: string[]): Code[] {
  const paths = globSync(patterns, { cwd: ROOT, exclude: (path) => path.split(sep).includes('node_modules') })
  return paths.map((path) => ({
    path: path.split(sep).join('/'),
    text: readFileSync(join(ROOT, path), 'utf8'),
  }))
}

describe('adapters', () => {
  const folder = join(ROOT, 'packages/adapters/src')
  // A folder that other adapters share (`aws/`) has a subject, and no index.
  const folders = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(folder, entry.name)).includes('index.ts'))
    .map((entry) => entry.name)

  it('are those of the list, a folder each', () => {
    expect(folders.length).toBeGreaterThan(0)
    expect(adapters.map((adapter) => adapter.name).sort()).toEqual(folders.sort())
  })

  it.each(folders)('%s is put through the shared suite in each of its roles', (name) => {
    const tests = codeAt(`test/integration/${name}.test.ts`, `test/integration/${name}-{source,sink}.test.ts`)
    expect(tests.map(({ path }) => path)).toContain(`test/integration/${name}.test.ts`)
    const calls = tests.flatMap(({ text }) => [...text.matchAll(/^describe(Source|Sink)\(\s*[`'"](\w+)/gm)])
    const suites = new Set(calls.filter(([, , of]) => of === name).map(([, role]) => role))
    const adapter = adapters.find((each) => each.name === name)
    const roles = [adapter?.source && 'Source', adapter?.sink && 'Sink'].filter((role) => role !== undefined)
    expect(roles.length).toBeGreaterThan(0)
    expect([...suites].sort()).toEqual(roles.sort())
  })
})

describe('source files', () => {
  const files = codeAt('packages/*/src/**/*.ts', 'test/**/*.ts').filter(({ path }) => !path.endsWith('.test.ts'))

  it(`have no more than ${LONGEST} lines`, () => {
    expect(files.length).toBeGreaterThan(100)
    const lengths = files.map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    expect(lengths.filter(({ lines }) => lines > LONGEST)).toEqual([])
  })
})

/** What a package may import of the others; the broker stands alone beside them. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  broker: [],
  adapters: ['@headrace/core', '@headrace/core/errors', '@headrace/core/testing', '@headrace/broker/protocol'],
  server: ['@headrace/core', '@headrace/core/testing', '@headrace/adapters'],
  cli: ['@headrace/core', '@headrace/core/testing', '@headrace/adapters', '@headrace/server', '@headrace/broker'],
}

describe('packages', () => {
  const packages = readdirSync(join(ROOT, 'packages'))

  it('are known to this test', () => {
    expect(packages.sort()).toEqual(Object.keys(MAY_IMPORT).sort())
  })

  it.each(packages)('%s imports only what stands below it', (name) => {
    const allowed = MAY_IMPORT[name] ?? []
    const own = join(ROOT, 'packages', name, 'src')
    const imports = codeAt(`packages/${name}/src/**/*.ts`).flatMap(importsOf)
    expect(imports.length).toBeGreaterThan(10)
    const wrong = imports.filter(({ from, specifier }) => {
      if (specifier.startsWith('.')) return relative(own, resolve(ROOT, dirname(from), specifier)).startsWith('..')
      if (!/^(@headrace\/|headrace(\/|$))/.test(specifier)) return false
      if (!allowed.some((each) => specifier === each || (name === 'cli' && specifier.startsWith(`${each}/`))))
        return true
      if (specifier === '@headrace/core/testing') return !from.endsWith('.test.ts')
      return specifier === '@headrace/broker/protocol' && /^packages\/adapters\/src\/(?!kafka\/)/.test(from)
    })
    expect(wrong).toEqual([])
  })

  it.each(packages)('%s depends on no package above it', (name) => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
    const dependencies = Object.keys({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.peerDependencies,
    })
    expect(dependencies.length).toBeGreaterThan(0)
    const below = (MAY_IMPORT[name] ?? []).map((each) => each.split('/').slice(0, 2).join('/'))
    expect(dependencies.filter((each) => /^(@headrace\/|headrace$)/.test(each) && !below.includes(each))).toEqual([])
  })

  it('adapters leave each other alone', () => {
    const known = new Set(adapters.map((adapter) => adapter.name))
    const across = codeAt('packages/adapters/src/*/**/*.ts')
      .flatMap(importsOf)
      .filter(({ from, specifier }) => {
        if (!specifier.startsWith('.')) return false
        const other = relative(join(ROOT, 'packages/adapters/src'), resolve(ROOT, dirname(from), specifier)).split(
          sep,
        )[0]
        return known.has(other ?? '') && other !== from.split('/')[3]
      })
    expect(across).toEqual([])
  })
})

interface Import {
  readonly from: string
  readonly specifier: string
}

/** `import … from`, `export … from`, `import(…)`, `import.meta.resolve(…)` and bare imports. */
function importsOf({ path, text }: Code): Import[] {
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\bimport\.meta\.resolve\(\s*)'([^'\n]+)'/g)
  return [...found].map(([, specifier]) => ({ from: path, specifier: specifier as string }))
}
