import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defineError, RowsRejectedError } from '../errors/index.ts'
import { type MemoryRecord, MemorySystem } from '../testing/memory-adapter.ts'
import { openDeadLetters } from './dead-letters.ts'
import type { RunOptions } from './options.ts'
import type { PipelineStatus } from './status.ts'
import { runInMemory, testFolder } from './testing.ts'

const PIPELINE = (more = '') => `name: orders
source:
  memory: {}
  decode: { json: { columns: { t: timestamp, k: varchar, n: integer } } }
  watermark: { column: t, delay: 5 seconds }
steps:
  - filter: n > 0
  - name: per_minute
    sql: |
      SELECT window_start, k, count(*) AS orders, sum(n) AS items
      FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end, k
sinks:
  - memory: {}
    name: out
${more}`

const directory = testFolder()

/** An order at a second of 2026-11-20 10:00. */
function order(second: number, key: string, n: number): MemoryRecord {
  return { value: JSON.stringify({ t: new Date(Date.UTC(2026, 10, 20, 10, 0, second)).toISOString(), k: key, n }) }
}

interface Options extends Partial<RunOptions> {
  readonly status?: (status: PipelineStatus) => void
}

const run = (system: MemorySystem, text: string, { status, ...options }: Options = {}) =>
  runInMemory(system, directory(), text, { ...options, ...(status && { observer: { status } }) })

function sorted(system: MemorySystem, sink = 'out'): string[] {
  return (system.rows.get(sink) ?? []).map((row) => Object.values(row).join(' ')).sort()
}

const letters = () => openDeadLetters(join(directory(), 'pipelines', 'orders')).list({ limit: 1000 })

describe('a windowed pipeline', () => {
  it('fires windows that every partition has passed and keeps the others open', async () => {
    const system = new MemorySystem({
      a: [order(1, 'x', 2), order(30, 'y', 1), order(70, 'x', 5)],
      b: [order(10, 'x', 3), order(66, 'x', 7)],
    })
    const status = await run(system, PIPELINE())
    expect(sorted(system)).toEqual(['2026-11-20 10:00:00 x 2 5', '2026-11-20 10:00:00 y 1 1'])
    expect(status.windows.per_minute).toMatchObject({ accepted: 5, fired: 3, open: 2, windowsClosed: 1, rowsOut: 2 })
    expect(status.watermark).toBe(Date.UTC(2026, 10, 20, 10, 1, 1))
  })

  it('fires everything when drained, and says that it is finished when run again', async () => {
    const system = new MemorySystem({ a: [order(1, 'x', 2), order(70, 'x', 5)] })
    const status = await run(system, PIPELINE(), { drain: true })
    expect(sorted(system)).toEqual(['2026-11-20 10:00:00 x 1 2', '2026-11-20 10:01:00 x 1 5'])
    expect(status.state).toBe('finished')
    system.append('a', order(200, 'x', 1))
    expect((await run(system, PIPELINE())).state).toBe('finished')
    expect(sorted(system)).toHaveLength(2)
  })

  it('accounts for every record: fired, filtered, late, dead or open', async () => {
    const system = new MemorySystem({
      a: [
        order(1, 'x', 2),
        order(2, 'x', 0),
        { value: 'nonsense' },
        order(66, 'x', 1),
        order(3, 'late', 1),
        { value: '{"t":null,"k":"x","n":1}' },
        { value: null },
        order(200, 'x', 1),
      ],
    })
    const { records, windows } = await run(system, PIPELINE())
    const window = windows.per_minute
    expect(records).toMatchObject({ read: 8, dead: 3, decoded: 5 })
    expect(window).toMatchObject({ filtered: 1, late: 1, lateBehindHorizon: 0, fired: 2, open: 1 })
    const dead = await letters()
    expect(dead.map((letter) => [letter.ordinal, letter.step, letter.code.replace(/^RECORD_/, '')])).toEqual([
      ['2', 'decode', 'MALFORMED'],
      ['4', 'per_minute', 'LATE'],
      ['5', 'watermark', 'TIME_MISSING'],
      ['6', 'decode', 'EMPTY'],
    ])
    expect(Buffer.from(dead[0]?.valueBase64 ?? '', 'base64').toString()).toBe('nonsense')
  })

  it('drops late records without a dead letter where that was chosen', async () => {
    const system = new MemorySystem({ a: [order(1, 'x', 2), order(66, 'x', 1), order(3, 'late', 1)] })
    const { windows } = await run(system, PIPELINE().replace('delay: 5 seconds', 'delay: 5 seconds, late: drop'))
    expect(windows.per_minute).toMatchObject({ late: 1 })
    expect(await letters()).toEqual([])
  })

  it('gives the same rows however the stream is cut into epochs, blocks and runs', async () => {
    const partitions: Record<string, MemoryRecord[]> = { a: [], b: [], c: [] }
    let seed = 1
    const next = (n: number) => (seed = (seed * 48271) % 2147483647) % n
    for (let i = 0; i < 120; i++)
      partitions['abc'[next(3)] as string]?.push(order(i + next(20) - 10, `k${next(4)}`, next(5)))
    const whole = new MemorySystem(partitions)
    whole.blockSize = 1000
    const wholeStatus = await run(whole, PIPELINE(), { drain: true })
    const wholeRows = sorted(whole)
    expect(wholeRows.length).toBeGreaterThan(10)
    for (const [blockSize, maxRecords, stops] of [
      [1, 1, 0],
      [7, 20, 3],
      [50, 90, 1],
    ] as const) {
      await rm(directory(), { recursive: true, force: true })
      const cut = new MemorySystem({ a: [], b: [], c: [] })
      cut.blockSize = blockSize
      const text = PIPELINE(`trigger: { interval: 1 ms, maxRecords: ${maxRecords} }\n`)
      for (let stop = 0; stop <= stops; stop++) {
        for (const [partition, records] of Object.entries(partitions)) {
          const share = Math.ceil(records.length / (stops + 1))
          cut.append(partition, ...records.slice(stop * share, (stop + 1) * share))
        }
        const status = await run(cut, text, { drain: stop === stops })
        if (stop === stops) expect(status.windows.per_minute).toEqual(wholeStatus.windows.per_minute)
      }
      expect(sorted(cut)).toEqual(wholeRows)
    }
  })

  it('refuses to go on with a state that another query made', async () => {
    const system = new MemorySystem({ a: [order(1, 'x', 2)] })
    await run(system, PIPELINE())
    await expect(run(system, PIPELINE().replace('sum(n)', 'max(n)'))).rejects.toMatchObject({
      code: 'PIPELINE_CHANGED',
    })
  })
})

class SinkDownError extends defineError<Record<never, never>>({
  code: 'TEST_SINK_DOWN',
  fault: 'external',
  retry: 'backoff',
  message: () => 'the sink is down',
  hint: () => 'Wait.',
  example: {},
}) {}

const TWO_SINKS = PIPELINE('  - memory: {}\n    name: other\n')

describe('publishing', () => {
  it('tries a sink that is down again while the other sink goes on, and acknowledges only what both hold', async () => {
    const system = new MemorySystem({ a: [order(1, 'x', 2), order(70, 'x', 5)] })
    let refused = 0
    let heldByOther = -1
    system.onPublish = (batch) => {
      if (batch.id.sink === 'other') heldByOther = system.rows.get('out')?.length ?? 0
      if (batch.id.sink !== 'other' || refused >= 2) return
      refused++
      expect(system.acknowledged).toEqual([])
      throw new SinkDownError({})
    }
    const problems = new Set<string>()
    await run(system, TWO_SINKS, {
      drain: true,
      status: (status) => problems.add(status.sinks.other?.problem?.code ?? '-'),
    })
    expect(refused).toBe(2)
    expect(heldByOther).toBe(2)
    expect(problems).toContain('TEST_SINK_DOWN')
    expect(sorted(system, 'other')).toEqual(sorted(system, 'out'))
    expect(system.acknowledged.at(-1)).toEqual({ a: 2 })
  })

  it('moves rows that a target refuses to the dead letters and publishes the rest under the same number', async () => {
    const system = new MemorySystem({ a: [order(1, 'bad', 2), order(2, 'good', 5), order(3, 'worse', 1)] })
    system.onPublish = async (batch) => {
      const rows: { row: number; reason: string }[] = []
      let row = 0
      for await (const { k } of batch.rows()) {
        if (k !== 'good') rows.push({ row, reason: `no ${String(k)}` })
        row++
      }
      if (rows.length > 0) throw new RowsRejectedError({ sink: 'out', rows })
    }
    const status = await run(system, PIPELINE(), { drain: true })
    expect(sorted(system)).toEqual(['2026-11-20 10:00:00 good 1 5'])
    expect(system.batches.get('out')?.map((id) => id.sequence)).toEqual([1])
    expect(status.sinks.out).toMatchObject({ rows: 1, published: 1, rejected: 2 })
    const dead = await letters()
    expect(dead.map((letter) => letter.reason).sort()).toEqual(['no bad', 'no worse'])
    expect(dead[0]?.step).toBe('out')
    expect(JSON.parse(Buffer.from(dead[0]?.valueBase64 ?? '', 'base64').toString())).toMatchObject({ orders: '1' })
  })

  it('stops when a target refuses more rows than it may', async () => {
    const system = new MemorySystem({ a: [order(1, 'bad', 2), order(2, 'x', 5)] })
    system.onPublish = () => {
      throw new RowsRejectedError({
        sink: 'out',
        rows: [
          { row: 0, reason: 'no' },
          { row: 1, reason: 'no' },
        ],
      })
    }
    await expect(run(system, PIPELINE('maxRejects: 1\n'), { drain: true })).rejects.toMatchObject({
      code: 'SINK_TOO_MANY_REJECTS',
    })
  })

  it('closes a batch by its rows and numbers batches without gaps', async () => {
    const system = new MemorySystem({ a: Array.from({ length: 10 }, (_, i) => order(i, 'x', 1)) })
    const text = PIPELINE('trigger: { interval: 1 ms, maxRecords: 3 }\n').replace(
      '  - memory: {}\n    name: out',
      '  - memory: { roll: { rows: 5 } }\n    name: out\n    from: filter_1',
    )
    await run(system, text.replace('- filter: n > 0', '- filter: n > 0\n    name: filter_1'))
    expect(system.rows.get('out')).toHaveLength(10)
    expect(system.batches.get('out')?.map((id) => id.sequence)).toEqual([1, 2])
  })

  it('publishes what a stopped run left behind', async () => {
    const system = new MemorySystem({ a: [order(1, 'x', 2), order(70, 'x', 5)] })
    const stop = new AbortController()
    system.onPublish = () => {
      stop.abort()
      throw new SinkDownError({})
    }
    await run(system, PIPELINE(), { drain: true, signal: stop.signal })
    expect(sorted(system)).toEqual([])
    system.onPublish = () => {}
    await run(system, PIPELINE(), { drain: true })
    expect(sorted(system)).toHaveLength(2)
  })

  it('stands still, and says why, while too much waits for a sink', async () => {
    const system = new MemorySystem({ a: [] })
    system.blockSize = 1
    let down = true
    system.onPublish = () => {
      if (down) throw new SinkDownError({})
    }
    const states: string[] = []
    for (let i = 0; i < 30; i++) system.append('a', order(i * 60, 'x', 1))
    const text = PIPELINE('    maxPendingBytes: 1 KiB\ntrigger: { interval: 1 ms, maxRecords: 1 }\n')
    await run(system, text, {
      drain: true,
      status: (status) => {
        if (status.state === 'paused') {
          states.push(status.problem?.code ?? '')
          down = false
        }
      },
    })
    expect(states[0]).toBe('SINK_BACKLOG')
    expect(sorted(system)).toHaveLength(30)
  })
})
