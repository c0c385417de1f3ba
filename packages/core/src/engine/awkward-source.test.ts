import { cpSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { defineError } from '../errors/index.ts'
import type { AdapterDefinition, Position, Source, SourceEvent } from '../model/index.ts'
import { blockOf } from '../testing/blocks.ts'
import { MemorySystem } from '../testing/memory-adapter.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { readPipelineStatus } from './data-folder.ts'
import type { RunOptions } from './options.ts'
import type { PipelineStatus } from './status.ts'
import { numbersPipeline, runInMemory, testFolder } from './testing.ts'

const directory = testFolder()

const PIPELINE = numbersPipeline(['out'], 'trigger: { interval: 1 ms }\n')

class SourceDownError extends defineError<Record<never, never>>({
  code: 'TEST_SOURCE_DOWN',
  fault: 'external',
  retry: 'backoff',
  message: () => 'the source is down',
  hint: () => 'Wait.',
  example: {},
}) {}

type Read = (from: ReadonlyMap<string, Position>, signal: AbortSignal) => AsyncIterable<SourceEvent>

/** A system whose source reads by the next of `reads` each time that it is connected. */
function systemOf(...reads: Read[]): MemorySystem {
  return systemThatEnds({}, ...reads)
}

function systemThatEnds(ends: Record<string, Position>, ...reads: Read[]): MemorySystem {
  const system = new MemorySystem({ a: [] })
  const { adapter } = system
  const source: Source = {
    connect: async () => {},
    read: (from, signal) => (reads.shift() as Read)(from, signal),
    ends: async () => new Map(Object.entries(ends)),
    distance: (from, to) => Number(to) - Number(from),
    acknowledge: async () => {},
    close: async () => {},
  }
  const definition = { ...adapter, source: { ...adapter.source, load: async () => ({ createSource: () => source }) } }
  Object.defineProperty(system, 'adapter', { value: definition as AdapterDefinition })
  return system
}

const aborted = (signal: AbortSignal) => delay(60_000, undefined, { signal }).catch(() => undefined)
const run = (system: MemorySystem, options: Partial<RunOptions> = {}) =>
  runInMemory(system, directory(), PIPELINE, options)

/** Runs without end until the status shows `until`. */
async function runUntil(system: MemorySystem, until: (status: PipelineStatus) => boolean, options = {}) {
  const stop = new AbortController()
  const observer = { status: (status: PipelineStatus) => void (until(status) && stop.abort()) }
  return run(system, { mode: { kind: 'continuous' }, signal: stop.signal, observer, ...options })
}

it('a position that moved without records is committed: a start at the latest offset is decided once', async () => {
  let resumed: Position | undefined
  const system = systemOf(
    async function* (_, signal) {
      yield { assigned: ['a'] }
      yield { progress: 'a', next: 5 }
      await aborted(signal)
    },
    async function* (from) {
      resumed = from.get('a')
      yield { assigned: ['a'] }
    },
  )
  await runUntil(system, (status) => status.partitions.a !== undefined)
  await run(system)
  expect(resumed).toBe(5)
})

it('a source that is out of reach is not idle', async () => {
  const system = systemOf(
    async function* () {
      yield { assigned: ['a'] }
      yield { atEnd: 'a', observedAt: Date.now() }
      throw new SourceDownError({})
    },
    async function* (_, signal) {
      yield { assigned: ['a'] }
      yield { block: blockOf(['{"n":1}'], { partition: 'a' }) }
      yield { atEnd: 'a', observedAt: Date.now() }
      await aborted(signal)
    },
  )
  await run(system, { mode: { kind: 'untilIdle', idleMs: 20 } })
  expect(system.rows.get('out')).toEqual([{ n: 1 }])
})

it('once: what another process reads is not waited for, and is no end while partitions are handed out anew', async () => {
  const block = (partition: string, n: number) => ({
    block: blockOf([JSON.stringify({ n })], { partition, firstOrdinal: n - 1 }),
  })
  const isRebalance = true
  const done = () => undefined
  const system = systemThatEnds(
    { a: 3, b: 9 },
    async function* () {
      yield { assigned: ['a', 'b'] }
      yield block('a', 1)
      yield { revoked: ['a', 'b'], isRebalance, done }
      await delay(50)
      yield { assigned: ['a', 'b'] }
      yield block('a', 2)
      throw new SourceDownError({})
    },
    async function* (_, signal) {
      await delay(50)
      yield { assigned: ['a', 'b'] }
      yield block('a', 3)
      await delay(50)
      yield { revoked: ['b'], done }
      await aborted(signal)
    },
  )
  expect(await run(system, { mode: { kind: 'once' } })).toMatchObject({ state: 'stopped' })
  expect(system.rows.get('out')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
})

it('partitions that are gone, as of a topic that was renamed, do not hold the watermark back', async () => {
  const block = (partition: string, ...times: string[]) => ({
    block: blockOf(
      times.map((t) => JSON.stringify({ t, n: 1 })),
      { partition, timestamps: times.map(() => -1) },
    ),
  })
  const system = systemOf(
    async function* () {
      yield { assigned: ['old/0', 'old/1'] }
      yield block('old/0', '2026-11-20T10:00:00Z')
    },
    async function* () {
      yield { assigned: ['new/0'] }
      yield block('new/0', '2026-11-20T11:00:00Z', '2026-11-20T11:02:00Z')
    },
  )
  const text = PIPELINE.replace(
    '{ n: integer } } }',
    '{ n: integer, t: timestamp } } }\n  watermark: { column: t, delay: 0 seconds }',
  ).replace(
    '- filter: n >= 0',
    `- name: per_minute
    sql: |
      SELECT window_start, count(*) AS records FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' MINUTE)
      GROUP BY window_start, window_end`,
  )
  await runInMemory(system, directory(), text, { mode: { kind: 'continuous' } })
  await runInMemory(system, directory(), text, { mode: { kind: 'continuous' } })
  expect(system.rows.get('out')?.map((row) => row.window_start)).toEqual(['2026-11-20 10:00:00', '2026-11-20 11:00:00'])
})

it('goes on when the clock of the machine is set back by hours', async () => {
  const clock = new VirtualClock()
  const system = new MemorySystem({ a: [{ value: '{"n":1}' }] })
  const text = PIPELINE.replace('interval: 1 ms', 'interval: 1 second')
  const warnings: string[] = []
  let told = 0
  const stop = new AbortController()
  await runInMemory(system, directory(), text, {
    mode: { kind: 'continuous' },
    now: clock.now,
    signal: stop.signal,
    observer: {
      log: ({ level, message }) => void (level === 'warn' && warnings.push(message)),
      status: ({ records, sinks }) => {
        if (records.read === 1 && told++ === 0) {
          clock.set('2026-11-20T07:00:00Z')
          system.append('a', { value: '{"n":2}' })
        }
        if (sinks.out?.published === 2) stop.abort()
      },
    },
  })
  expect(system.rows.get('out')).toEqual([{ n: 1 }, { n: 2 }])
  expect(warnings).toEqual([expect.stringContaining('set back by 10800 s')])
})

it('dead letters that were published before a crash, and cleared away since, do not hinder the next run', async () => {
  const system = new MemorySystem({ a: [{ value: 'nonsense' }] })
  const killed = join(directory(), 'killed')
  await run(system, {
    observer: {
      // What a process leaves that is killed here.
      step: (step, when) => {
        if (step === 'publish' && when === 'after')
          cpSync(join(directory(), 'pipelines'), join(killed, 'pipelines'), { recursive: true })
      },
    },
  })
  const folder = join(killed, 'pipelines', 'numbers', 'dead-letters')
  expect(await readdir(folder)).toHaveLength(1)
  for (const name of await readdir(folder)) await rm(join(folder, name))
  system.append('a', { value: '{"n":3}' })
  expect((await runInMemory(system, killed, PIPELINE)).records).toMatchObject({ read: 2, dead: 1, decoded: 1 })
  expect(await readdir(folder)).toEqual([])
})

it('a status file that a power cut emptied counts as none', async () => {
  await run(new MemorySystem({ a: [] }))
  const file = join(directory(), 'pipelines', 'numbers', 'status.json')
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ state: 'stopped' })
  await writeFile(file, '')
  expect(await readPipelineStatus(directory(), 'numbers')).toBeUndefined()
})

it('connections that cannot be closed do not turn a run that is done into a failed one', async () => {
  const system = new MemorySystem({ a: [{ value: '{"n":1}' }] })
  const { adapter } = system
  const refuse = async () => {
    throw new Error('the socket is gone')
  }
  const definition: AdapterDefinition = {
    ...adapter,
    source: {
      ...(adapter.source as NonNullable<AdapterDefinition['source']>),
      load: async () => {
        const { createSource } = await (adapter.source as NonNullable<AdapterDefinition['source']>).load()
        return { createSource: (config, context) => Object.assign(createSource(config, context), { close: refuse }) }
      },
    },
    sink: {
      ...(adapter.sink as NonNullable<AdapterDefinition['sink']>),
      load: async () => {
        const { createSink } = await (adapter.sink as NonNullable<AdapterDefinition['sink']>).load()
        return { createSink: (config, context) => Object.assign(createSink(config, context), { close: refuse }) }
      },
    },
  }
  Object.defineProperty(system, 'adapter', { value: definition })
  expect(await run(system)).toMatchObject({ state: 'stopped', sinks: { out: { published: 1 } } })
})
