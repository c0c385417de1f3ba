import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adapters } from './fixtures/adapters.ts'
import { loadPipelineFile } from './load.ts'

const pipeline = {
  name: 'p',
  source: { stream: { topic: 't' }, decode: { json: { columns: { a: 'int' } } } },
  sinks: [{ folder: { path: `\${param:out:-out}` } }],
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-load-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function written(name: string, text: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

test.each([
  ['p.json', JSON.stringify(pipeline)],
  ['p.yml', JSON.stringify(pipeline, undefined, 2)],
  ['p.mjs', `export default ${JSON.stringify(pipeline)}`],
  ['p.ts', `const name: string = 'p'\nexport default { ...${JSON.stringify(pipeline)}, name }`],
])('%s is read', async (name, text) => {
  const { config, problems } = await loadPipelineFile(await written(name, text), adapters, {
    parameters: { out: 'here' },
  })
  expect(problems).toEqual([])
  expect(config).toMatchObject({ name: 'p', sinks: [{ config: { path: 'here' } }] })
})

test('mistakes in JSON have their places, those in modules the file', async () => {
  const wrong = { ...pipeline, nam: 'x' }
  const json = await written('wrong.json', JSON.stringify(wrong, undefined, 2))
  const line = JSON.stringify(wrong, undefined, 2).split('\n').indexOf('  "nam": "x"') + 1
  expect((await loadPipelineFile(json, adapters)).problems).toMatchObject([
    { code: 'CONFIG_UNKNOWN_KEY', place: { file: json, line, column: 3 } },
  ])
  const module = await written('wrong.ts', `export default ${JSON.stringify(wrong)}`)
  expect((await loadPipelineFile(module, adapters)).problems).toMatchObject([
    { code: 'CONFIG_UNKNOWN_KEY', hint: 'Did you mean `name`?', place: { file: module } },
  ])
})

test.each([
  ['missing.yaml', undefined, 'PIPELINE_FILE_UNREADABLE', 'it does not exist'],
  ['missing.ts', undefined, 'PIPELINE_FILE_UNREADABLE', 'it does not exist'],
  ['pipeline.toml', 'name = "x"', 'PIPELINE_FILE_TYPE', 'pipeline.toml'],
  ['none.ts', 'export const name = 1', 'PIPELINE_MODULE', 'it has no default export'],
  ['text.ts', 'export default "x"', 'PIPELINE_MODULE', 'its default export is no object'],
  ['throws.ts', 'throw new Error("out of cheese")', 'PIPELINE_MODULE', 'out of cheese'],
  ['broken.mjs', 'export default {', 'PIPELINE_MODULE', 'gives no pipeline'],
])('%s is a problem of its own', async (name, text, code, message) => {
  const file = text === undefined ? join(folder, name) : await written(name, text)
  const { config, problems } = await loadPipelineFile(file, adapters)
  expect(config).toBeUndefined()
  expect(problems).toMatchObject([{ code, message: expect.stringContaining(message), place: { file } }])
})
