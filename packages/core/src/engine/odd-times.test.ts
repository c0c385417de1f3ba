import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type MemoryRecord, MemorySystem } from '../testing/memory-adapter.ts'
import { openDeadLetters } from './dead-letters.ts'
import { runInMemory, testFolder } from './testing.ts'

const directory = testFolder()

const PIPELINE = `name: orders
source:
  memory: {}
  decode: { json: { columns: { t: timestamp, k: varchar } } }
  watermark: { column: t, delay: 0 seconds }
steps:
  - name: per_minute
    sql: |
      SELECT window_start, window_end, k, count(*) AS orders
      FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, k
sinks:
  - memory: {}
    name: out
`

const NOW = Date.UTC(2026, 10, 20, 10)
const NANOSECONDS = NOW * 1e6

const at = (t: string, timestamp?: number): MemoryRecord => ({
  value: JSON.stringify({ t, k: 'x' }),
  ...(timestamp === undefined ? {} : { timestamp }),
})
const letters = async () =>
  (await openDeadLetters(join(directory(), 'pipelines', 'orders')).list({ limit: 10 })).map((letter) => [
    letter.ordinal,
    letter.code,
    letter.timestamp,
  ])

describe('one odd time does not stop a pipeline', () => {
  it.each(['290000-01-01 00:00:00', '20000-01-01 00:00:00'])(
    'an event time far beyond the timestamp: %s',
    async (time) => {
      const system = new MemorySystem({ a: [at(time, NOW), at('2026-11-20 10:00:00', NOW)] })
      const status = await runInMemory(system, directory(), PIPELINE, { drain: true })
      expect(status).toMatchObject({ records: { dead: 1, decoded: 1 }, windows: { per_minute: { fired: 1 } } })
      expect(await letters()).toEqual([['0', 'RECORD_TIME_AHEAD', '2026-11-20 10:00:00']])
    },
  )

  it('a record whose timestamp is in nanoseconds', async () => {
    const system = new MemorySystem({
      a: [{ value: 'nonsense', timestamp: NANOSECONDS }, at('2026-11-20 10:00:00', NANOSECONDS)],
    })
    const status = await runInMemory(system, directory(), PIPELINE, { drain: true })
    expect(status).toMatchObject({ records: { dead: 1, decoded: 1 }, windows: { per_minute: { fired: 1 } } })
    expect(await letters()).toEqual([['0', 'RECORD_MALFORMED', null]])
  })

  it('a timestamp in nanoseconds that SQL asks for', async () => {
    const system = new MemorySystem({ a: [at('2026-11-20 10:00:00', NANOSECONDS), at('2026-11-20 10:00:01', NOW)] })
    const text = PIPELINE.replace(
      '  - name: per_minute',
      '  - sql: SELECT t, k FROM input WHERE _timestamp IS NULL\n  - name: per_minute',
    )
    const status = await runInMemory(system, directory(), text, { drain: true })
    expect(status.windows.per_minute).toMatchObject({ accepted: 1, filtered: 1 })
  })

  it.each([
    ['20000-01-01 00:00:30', '20000-01-01 00:00:00'],
    ['0044-03-15 (BC) 12:00:30', '0044-03-15 (BC) 12:00:00'],
    ['0001-01-01 00:00:30', '0001-01-01 00:00:00'],
  ])('windows of %s fire when the watermark passes', async (time, start) => {
    const system = new MemorySystem({ a: [at(time), at(time.replace('00:30', '02:00'))] })
    await runInMemory(system, directory(), PIPELINE)
    expect(system.rows.get('out')?.map((row) => row.window_start)).toEqual([start])
  })

  it('the last minutes that there are', async () => {
    const system = new MemorySystem({ a: [at('294247-01-10 04:00:30'), at('2026-11-20 10:00:00')] })
    const status = await runInMemory(system, directory(), PIPELINE, { drain: true })
    expect(status.records.read).toBe(2)
  })
})
