import { join } from 'node:path'
import { expect, it } from 'vitest'
import { RowsRejectedError } from '../errors/index.ts'
import { type MemoryRecord, MemorySystem } from '../testing/memory-adapter.ts'
import { openDeadLetters } from './dead-letters.ts'
import type { EngineObserver } from './options.ts'
import type { FragmentRecord } from './state.ts'
import { numbers, numbersPipeline, runInMemory, testFolder } from './testing.ts'

const directory = testFolder()

const run = (system: MemorySystem, text: string, step?: EngineObserver['step']) =>
  runInMemory(system, directory(), text, { drain: true, ...(step && { observer: { step } }) })

const NUMBERS = numbersPipeline(
  Array.from({ length: 6 }, (_, i) => `s${i}`),
  'trigger: { interval: 1 ms, maxRecords: 1 }\n',
)

it('no sink gets a batch before the commit that names it', async () => {
  const system = new MemorySystem({ a: numbers(...Array(12).keys()) })
  system.blockSize = 1
  let committed = 0
  const early: string[] = []
  let published = 0
  let staged = (): void => {}
  system.onPublish = async (batch) => {
    published++
    const { epoch } = batch.files[0] as FragmentRecord
    if (epoch > committed)
      early.push(`${batch.id.sink}/${batch.id.sequence} of epoch ${epoch} after commit ${committed}`)
    // The first sink is done with a batch just when the next epoch closes another one.
    if (batch.id.sink === 's0' && epoch < 12) await new Promise<void>((resolve) => (staged = resolve))
  }
  await run(system, NUMBERS, (step, when, epoch) => {
    if (step === 'stage' && when === 'after') staged()
    if (step === 'commit' && when === 'after') committed = epoch
  })
  expect(published).toBe(72)
  expect(early).toEqual([])
})

const PER_MINUTE = `name: orders
source:
  memory: {}
  decode: { json: { columns: { t: timestamp, k: varchar } } }
  watermark: { column: t, delay: 0 seconds }
steps:
  - name: per_minute
    sql: |
      SELECT window_start, k, count(*) AS orders
      FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, k
sinks:
  - memory: {}
    name: out
trigger: { interval: 1 ms, maxRecords: 2 }
`

function order(minute: number, key: string): MemoryRecord {
  return { value: JSON.stringify({ t: new Date(Date.UTC(2026, 10, 20, 10, minute)).toISOString(), k: key }) }
}

it('what a failed epoch had begun is not committed by rows that a sink refuses', async () => {
  const system = new MemorySystem({ a: [order(0, 'bad'), order(1, 'x'), order(1, 'y'), order(2, 'x'), order(3, 'z')] })
  system.blockSize = 2
  let failed = (): void => {}
  const afterFailure = new Promise<void>((resolve) => (failed = resolve))
  const refuseBad: MemorySystem['onPublish'] = async (batch) => {
    for await (const { k } of batch.rows()) {
      if (k === 'bad') throw new RowsRejectedError({ sink: 'out', rows: [{ row: 0, reason: 'bad' }] })
    }
  }
  system.onPublish = async (batch) => {
    await afterFailure
    await refuseBad(batch)
  }
  const broken = run(system, PER_MINUTE, (step, when, epoch) => {
    if (step !== 'stage' || when !== 'after' || epoch !== 2) return
    failed()
    throw new Error('no more')
  })
  await expect(broken).rejects.toMatchObject({ code: 'INTERNAL' })
  system.onPublish = refuseBad
  const status = await run(system, PER_MINUTE)
  expect(status.windows.per_minute).toMatchObject({ accepted: 5, late: 0, lateBehindHorizon: 0, fired: 5 })
  expect(status.sinks.out).toMatchObject({ rows: 4, published: 4, rejected: 1 })
  expect(system.rows.get('out')?.map((row) => row.k)).toEqual(['x', 'y', 'x', 'z'])
})

it('rows may be refused one after the other', async () => {
  const system = new MemorySystem({ a: ['bad', 'good', 'worse', 'fine', 'worst'].map((key) => order(0, key)) })
  system.onPublish = async (batch) => {
    let row = 0
    for await (const { k } of batch.rows()) {
      if (/^(bad|wors)/.test(String(k)))
        throw new RowsRejectedError({ sink: 'out', rows: [{ row, reason: String(k) }] })
      row++
    }
  }
  const status = await run(system, PER_MINUTE.replace('maxRecords: 2', 'maxRecords: 100'))
  expect(status.sinks.out).toMatchObject({ rows: 2, published: 2, rejected: 3 })
  expect(
    system.rows
      .get('out')
      ?.map((row) => row.k)
      .sort(),
  ).toEqual(['fine', 'good'])
  const letters = await openDeadLetters(join(directory(), 'pipelines', 'orders')).list({ limit: 10 })
  expect(letters.map(({ reason }) => reason).sort()).toEqual(['bad', 'worse', 'worst'])
})
