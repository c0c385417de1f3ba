import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemorySystem } from '../testing/memory-adapter.ts'
import { runInMemory } from './testing.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headrace-still-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const PIPELINE = (sink: string, rest = '') => `name: numbers
source:
  memory: {}
  decode: { json: { columns: { n: integer } } }
steps:
  - filter: n >= 0
sinks:
  - memory: ${sink}
    name: out
${rest}
`

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ value: JSON.stringify({ n }) }))

it('an open batch that alone is more than may wait is closed', { timeout: 10_000 }, async () => {
  const system = new MemorySystem({ a: numbers(30) })
  system.blockSize = 1
  const text = PIPELINE(
    '{ roll: { rows: 1000000 } }',
    '    maxPendingBytes: 1 KiB\ntrigger: { interval: 1 ms, maxRecords: 3 }',
  )
  await runInMemory(system, directory, text)
  expect(system.rows.get('out')).toHaveLength(30)
  expect(system.batches.get('out')?.length).toBeGreaterThan(1)
})
