import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MemorySystem } from '../testing/memory-adapter.ts'
import type { RunOptions } from './options.ts'
import { numbers, numbersPipeline, runInMemory, TargetDownError, testFolder } from './testing.ts'

const directory = testFolder()

const PIPELINE = (...sinks: string[]) => numbersPipeline(sinks)

const run = (system: MemorySystem, text: string, options: Partial<RunOptions> = {}) =>
  runInMemory(system, directory(), text, options)
const rows = (system: MemorySystem, sink: string) => system.rows.get(sink)?.map(({ n }) => n)

it('a sink that is gone from the file while rows wait for it is not forgotten', async () => {
  const system = new MemorySystem({ a: numbers(1, 2) })
  system.onPublish = (batch) => {
    if (batch.id.sink === 'two') throw new TargetDownError({})
  }
  await expect(run(system, PIPELINE('one', 'two'))).rejects.toMatchObject({ code: 'TEST_TARGET_DOWN' })
  system.onPublish = () => {}
  await expect(run(system, PIPELINE('one'))).rejects.toMatchObject({
    code: 'PIPELINE_CHANGED',
    message: expect.stringContaining('"two"'),
  })
  await run(system, PIPELINE('one', 'two'))
  expect(rows(system, 'two')).toEqual([1, 2])
})

it('a sink that holds everything may leave the file, and come back with its next number', async () => {
  const system = new MemorySystem({ a: numbers(1) })
  await run(system, PIPELINE('one', 'two'))
  system.append('a', ...numbers(2))
  await run(system, PIPELINE('one'))
  system.append('a', ...numbers(3))
  await run(system, PIPELINE('one', 'two'))
  expect(rows(system, 'one')).toEqual([1, 2, 3])
  expect(rows(system, 'two')).toEqual([1, 3])
  expect(system.batches.get('two')?.map(({ sequence }) => sequence)).toEqual([1, 2])
})

const WINDOW = (aggregate: string) => `name: numbers
source:
  memory: {}
  decode: { json: { columns: { t: timestamp, n: integer } } }
  watermark: { column: t, delay: 0 seconds }
steps:
  - name: per_minute
    sql: |
      SELECT window_start, ${aggregate}
      FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end
sinks:
  - memory: {}
    name: out
`

it('a window may be changed as long as nothing has been read', async () => {
  const system = new MemorySystem({ a: [] })
  const stop = new AbortController()
  const stopAtOnce = { signal: stop.signal, observer: { status: () => stop.abort() } }
  await run(system, WINDOW('count(*) AS records'), { ...stopAtOnce, mode: { kind: 'continuous' } })
  system.append('a', { value: '{"t":"2026-11-20T10:00:00Z","n":7}' })
  await run(system, WINDOW('sum(n) AS total, max(n) AS most'), { drain: true })
  expect(system.rows.get('out')).toEqual([{ window_start: '2026-11-20 10:00:00', total: '7', most: 7 }])
})

it('files of a first epoch that never was committed are swept', async () => {
  const system = new MemorySystem({ a: numbers(1) })
  const broken = run(system, PIPELINE('one'), {
    observer: {
      step: (step, when) => {
        if (step === 'stage' && when === 'after') throw new Error('no more')
      },
    },
  })
  await expect(broken).rejects.toMatchObject({ code: 'INTERNAL' })
  system.onPublish = async () => {
    expect(await readdir(join(directory(), 'pipelines', 'numbers', 'outbox'))).toHaveLength(1)
  }
  await run(system, PIPELINE('one'))
  expect(rows(system, 'one')).toEqual([1])
})
