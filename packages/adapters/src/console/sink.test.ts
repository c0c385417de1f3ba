import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchStager, Database, SINK_TEST_ID } from '@headrace/core/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ConsoleConfig } from './config.ts'
import { ConsoleSink } from './sink.ts'

let folder: string
let database: Database
let stager: BatchStager

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'console-sink-'))
  database = await Database.open(undefined, { threads: 1 })
  stager = new BatchStager(database, folder)
})
afterAll(async () => {
  database.close()
  await rm(folder, { recursive: true, force: true })
})

async function shown(config: ConsoleConfig, query: string, signal = new AbortController().signal): Promise<string> {
  let text = ''
  const sink = new ConsoleSink(config, 'per_minute', async (part) => {
    text += part
  })
  const columns = await stager.describe(query)
  await sink.publish(
    await stager.stage({ ...SINK_TEST_ID, sequence: 7 }, { format: 'parquet' }, columns, [query]),
    signal,
  )
  return text
}

it('shows a table', async () => {
  const query = `SELECT * FROM (VALUES ('a', 1::BIGINT, [1, 2]), ('two' || chr(10) || 'lines' || chr(27), NULL, NULL), ('😀', -12, [])) AS t(text, n, list)`
  expect(await shown({ format: 'table' }, query)).toBe(
    [
      'per_minute: batch 7, 3 rows',
      '+------------------+------+-------+',
      '| text             |    n | list  |',
      '+------------------+------+-------+',
      '| a                |    1 | [1,2] |',
      '| two\\nlines\\u001b | NULL | NULL  |',
      '| 😀               |  -12 | []    |',
      '+------------------+------+-------+',
      '\n',
    ].join('\n'),
  )
})

it('ends a table at its limit and says how much there is', async () => {
  const text = await shown(
    { format: 'table', limit: 2 },
    "SELECT range AS n, repeat('x', 100) AS long FROM range(2005)",
  )
  expect(text).toContain('per_minute: batch 7, 2,005 rows\n')
  expect(text).toContain(`| 1 | ${'x'.repeat(59)}… |`)
  expect(text).not.toContain('| 2 |')
  expect(text).toContain('… and 2,003 rows more\n')
})

it('gives all rows as JSON lines unless limited', async () => {
  const query = 'SELECT range::INTEGER AS n, 9007199254740993 + range AS big FROM range(5000)'
  const lines = (await shown({ format: 'ndjson' }, query)).trimEnd().split('\n')
  expect(lines).toHaveLength(5000)
  expect(JSON.parse(lines[1] as string)).toEqual({ n: 1, big: '9007199254740994' })
  expect((await shown({ format: 'ndjson', limit: 3 }, query)).trimEnd().split('\n')).toHaveLength(3)
})
