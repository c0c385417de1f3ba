import { expect, it } from 'vitest'
import { MemorySystem } from '../testing/memory-adapter.ts'
import { numbers, numbersPipeline, runInMemory, testFolder } from './testing.ts'

const directory = testFolder()

it('an open batch that alone is more than may wait is closed', { timeout: 10_000 }, async () => {
  const system = new MemorySystem({ a: numbers(...Array(30).keys()) })
  system.blockSize = 1
  const more = '    maxPendingBytes: 1 KiB\ntrigger: { interval: 1 ms, maxRecords: 3 }\n'
  const text = numbersPipeline(['out'], more).replace('- memory: {}', '- memory: { roll: { rows: 1000000 } }')
  await runInMemory(system, directory(), text)
  expect(system.rows.get('out')).toHaveLength(30)
  expect(system.batches.get('out')?.length).toBeGreaterThan(1)
})
