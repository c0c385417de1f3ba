import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { adapters } from '@headrace/adapters'
import { type AdapterDefinition, checkPipeline, formatProblem, loadPipelineFile, parsePipeline } from '@headrace/core'
import { expect, test } from 'vitest'
import { yamlExample } from '../docs/yaml-example.ts'

const folder = fileURLToPath(new URL('../../examples/', import.meta.url))
const files = (await readdir(folder)).filter((name) => /\.(ya?ml|json|ts)$/.test(name))

test('there are examples', () => {
  expect(files).toContain('trades-per-minute.yaml')
  expect(files).toContain('trades-clean.yaml')
  expect(files).toContain('trades-by-product.ts')
})

test.each(files)('examples/%s has no mistake', async (name) => {
  const { config, problems } = await loadPipelineFile(join(folder, name), adapters)
  expect(problems.map(formatProblem)).toEqual([])
  if (config === undefined) throw new Error('no problems and no configuration')
  expect(config.name).toBe(parse(name).name)
  const planned = await checkPipeline(config, adapters)
  expect(planned.problems.map(formatProblem)).toEqual([])
  expect(planned.plan?.sinks.map((sink) => sink.name)).toEqual(config.sinks.map((sink) => sink.name))
})

const sources = examplesOf('source')
const sinks = examplesOf('sink')

test('every adapter shows an example of each use', () => {
  for (const { name, source, sink } of adapters) {
    expect(sources.some(([of]) => of === name)).toBe(source !== undefined)
    expect(sinks.some(([of]) => of === name)).toBe(sink !== undefined)
  }
})

test.each(sources)('%s as a source: %s', (_, example) => {
  expect(problemsWith(example, 'console: {}')).toEqual([])
})

test.each(sinks)('%s as a sink: %s', (_, example) => {
  expect(problemsWith('kafka: { topic: trades }', example)).toEqual([])
})

test.each(adapters.map(({ name }) => name))('%s has notes beside its code, for its page of the reference', (name) => {
  const notes = readFileSync(new URL(`../../packages/adapters/src/${name}/NOTES.md`, import.meta.url), 'utf8')
  expect(notes.split('\n').length).toBeGreaterThan(5)
})

function examplesOf(role: 'source' | 'sink'): [adapter: string, example: string][] {
  return adapters.flatMap((adapter: AdapterDefinition) =>
    (adapter[role]?.examples ?? []).map((example): [string, string] => [adapter.name, yamlExample(example)]),
  )
}

/** Mistakes of a pipeline file with this source and this sink, as the reference shows them. */
function problemsWith(source: string, sink: string): string[] {
  const text = `\
name: example
source:
  ${source.replaceAll('\n', '\n  ')}
  decode: { json: { columns: { a: varchar } } }
sinks:
  - ${sink.replaceAll('\n', '\n    ')}
`
  return parsePipeline(text, 'example.yaml', adapters).problems.map(formatProblem)
}
