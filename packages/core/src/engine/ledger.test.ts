import { expect, it } from 'vitest'
import type { PipelinePlan } from '../model/index.ts'
import { Ledger } from './ledger.ts'
import { SinkQueue } from './outbox.ts'

const PLAN: PipelinePlan = { input: { columns: [], required: [], metadata: [] }, relations: [], sinks: [] }

const file = (n: number) => ({ path: `/outbox/${n}.parquet`, rows: 10, bytes: 100, partition: {} })

it('a batch that stays in the outbox does not count as published yet: it is published again after a crash', () => {
  const ledger = new Ledger(PLAN, ['out'], undefined)
  const queue = new SinkQueue('out', { format: 'parquet', directory: '/outbox' }, [], undefined)
  const publish = () => {
    queue.published()
    const totals = ledger.counts.sinks.out
    if (totals === undefined) throw new Error('no totals')
    totals.published += 10
    totals.batches++
  }
  for (const epoch of [1, 2]) {
    queue.add(epoch, 0, [], [file(epoch)])
    queue.close()
    queue.committed(epoch)
  }
  publish()
  const forgettable = queue.forgettable
  expect(forgettable).toBe(1)
  // The second batch arrives while the commit that forgets the first is being written.
  publish()
  const written = ledger.checkpoint([queue], undefined, new Map([[queue, forgettable as number]]))
  expect(written.counts.sinks.out).toMatchObject({ published: 10, batches: 1 })
  expect(ledger.counts.sinks.out).toMatchObject({ published: 20, batches: 2 })
  expect(ledger.checkpoint([queue], undefined, new Map()).counts.sinks.out).toMatchObject({ published: 0, batches: 0 })
})
