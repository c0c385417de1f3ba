import { cp, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MemorySystem } from '../testing/memory-adapter.ts'
import { openDeadLetters } from './dead-letters.ts'
import { numbers, numbersPipeline, runInMemory, TargetDownError, testFolder } from './testing.ts'

const root = testFolder()

const PIPELINE = numbersPipeline()

const run = (system: MemorySystem, folder = 'data', text = PIPELINE) => runInMemory(system, join(root(), folder), text)

const outbox = (folder = 'data') => join(root(), folder, 'pipelines', 'numbers', 'outbox')

it('a data folder that was moved goes on from where it stood', async () => {
  const system = new MemorySystem({ a: numbers(1, 2, 'x') })
  await run(system)
  system.append('a', ...numbers(3))
  await rename(join(root(), 'data'), join(root(), 'moved'))
  await run(system, 'moved')
  system.append('a', ...numbers(4, 'y'))
  const status = await run(system, 'moved')
  expect(status).toMatchObject({ records: { read: 6, dead: 2, decoded: 4 }, sinks: { out: { rows: 4, published: 4 } } })
  expect(system.rows.get('out')?.map(({ n }) => n)).toEqual([1, 2, 3, 4])
  expect(await openDeadLetters(join(root(), 'moved', 'pipelines', 'numbers')).list({ limit: 10 })).toHaveLength(2)
})

it('rows that wait for their sink are found in a data folder that was moved', async () => {
  const system = new MemorySystem({ a: numbers(1, 2) })
  system.onPublish = () => {
    throw new TargetDownError({})
  }
  await expect(run(system)).rejects.toMatchObject({ code: 'TEST_TARGET_DOWN' })
  expect(await readdir(outbox())).toHaveLength(1)
  await rename(join(root(), 'data'), join(root(), 'moved'))
  system.onPublish = () => {}
  await run(system, 'moved')
  expect(system.rows.get('out')?.map(({ n }) => n)).toEqual([1, 2])
})

it('an old copy of the data folder does not pass its rows off as those that a sink has', async () => {
  const system = new MemorySystem({ a: numbers(1) })
  await run(system)
  await cp(join(root(), 'data'), join(root(), 'copy'), { recursive: true })
  system.append('a', ...numbers(2))
  await run(system)
  system.append('a', ...numbers(3))
  await expect(run(system, 'copy')).rejects.toMatchObject({ code: 'SINK_AHEAD' })
  await run(system)
  expect(system.rows.get('out')?.map(({ n }) => n)).toEqual([1, 2, 3])
})
