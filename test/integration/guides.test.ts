import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { adapters } from '@headrace/adapters'
import { checkPipeline, formatProblem, loadConnections, parsePipeline } from '@headrace/core'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const guides = globSync(['README.md', 'docs/guides/*.md'], { cwd: ROOT }).sort()
const snippets = guides.flatMap((guide) => {
  const text = readFileSync(join(ROOT, guide), 'utf8')
  return [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = ''], at) => ({ where: `${guide} ${at + 1}`, yaml }))
})
const pipelines = snippets.filter(({ yaml }) => yaml.startsWith('name:'))
const connections = snippets.filter(({ yaml }) => yaml.startsWith('connections:'))

test('every snippet of a guide is a pipeline or a headrace.yaml', () => {
  expect(pipelines.length).toBeGreaterThan(5)
  expect(connections.length).toBeGreaterThan(2)
  expect(pipelines.length + connections.length).toBe(snippets.length)
})

test.each(pipelines)('$where: a pipeline without a mistake', async ({ where, yaml }) => {
  const { config, problems } = parsePipeline(yaml, where, adapters)
  expect(problems.map(formatProblem)).toEqual([])
  if (config === undefined) throw new Error('no problems and no configuration')
  expect((await checkPipeline(config, adapters)).problems.map(formatProblem)).toEqual([])
})

test.each(connections)('$where: connections that can be used', async ({ yaml }) => {
  const folder = await mkdtemp(join(tmpdir(), 'guides-'))
  try {
    await writeFile(join(folder, 'headrace.yaml'), yaml)
    await writeFile(join(folder, 'ca.pem'), 'a certificate')
    const environment = new Proxy({}, { get: () => 'from the environment' })
    const found = await loadConnections({ adapters, directory: folder, dataDirectory: folder, environment })
    for (const [name, type] of found.declared)
      expect(JSON.stringify(found.resolve(type, name))).not.toMatch(/"(env|file):/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
