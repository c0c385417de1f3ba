import { cp, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchHeader, type Codec, compress, forEachBatch, RecordBatchBuilder } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { IntervalFlusher } from '../storage/flusher.ts'
import { cleanLog } from './log-cleaner.ts'
import { type LogSettings, PLAIN_LOG } from './log-settings.ts'
import { PartitionLog } from './partition-log.ts'
import { planCompaction } from './plan-compaction.ts'
import { unpackRecords, walkRecords } from './record-walk.ts'
import { emptyState } from './segment-state.ts'
import { encodeState } from './segment-state-file.ts'
import { finishSwap, swapSteps } from './segment-swap.ts'

const NOW = 1_700_000_000_000
const DELETE_RETENTION_MS = 1000
const SETTINGS: LogSettings = {
  ...PLAIN_LOG,
  segmentBytes: 600,
  compacts: true,
  compaction: {
    minDirtyRatio: 0,
    minLagMs: 0,
    maxLagMs: Number.POSITIVE_INFINITY,
    deleteRetentionMs: DELETE_RETENTION_MS,
  },
}

let folder: string
const open = new Set<PartitionLog>()

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'compaction-'))
})
afterEach(async () => {
  for (const log of open) await log.close()
  open.clear()
  await rm(folder, { recursive: true, force: true })
})

function fail(error: unknown): void {
  throw error
}

async function openLog(settings: Partial<LogSettings> = {}, where = folder, onError = fail): Promise<PartitionLog> {
  const flusher = new IntervalFlusher(60_000, onError)
  const storage = { fsync: { mode: 'interval', ms: 60_000 }, flusher, onError } as const
  const log = await PartitionLog.open(where, { ...SETTINGS, ...settings }, storage)
  open.add(log)
  return log
}

async function close(log: PartitionLog): Promise<void> {
  open.delete(log)
  await log.close()
}

type Pair = readonly [key: string, value: string | null]

interface Shown {
  readonly offset: number
  readonly key: string
  readonly value: string | null
  readonly timestamp: number
}

interface WriteOptions {
  readonly codec?: Codec
  readonly timestamp?: number
  readonly producerId?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
}

function write(log: PartitionLog, pairs: readonly Pair[], options: WriteOptions = {}): Promise<number> {
  const { codec = 'none', timestamp = NOW, ...producer } = options
  const builder = new RecordBatchBuilder(64)
  for (const [index, [key, value]] of pairs.entries())
    builder.append(Buffer.from(key), value === null ? null : Buffer.from(value), timestamp + index)
  const epoch = producer.producerId === undefined ? {} : { producerEpoch: 0 }
  const sealed = builder.seal({ crc32c, codec, compress: (records) => compress(codec, records), ...producer, ...epoch })
  return log.append(Buffer.from(sealed))
}

/** Every record that a reader meets on its way from the start to the end, through `maxBytes` at a time. */
async function readAll(log: PartitionLog, maxBytes = 1000): Promise<Shown[]> {
  const shown: Shown[] = []
  let next = log.startOffset
  while (next < log.endOffset) {
    const part = await log.read(next, maxBytes, true)
    if (part.length === 0) throw new Error(`a reader is stuck at ${next} of ${log.endOffset}`)
    forEachBatch(part, (batch) => {
      expect(batch.isIntact(crc32c)).toBe(true)
      next = batch.lastOffset + 1
      if (!batch.isControl) shown.push(...recordsOf(batch))
    })
  }
  return shown
}

function recordsOf(batch: BatchHeader): Shown[] {
  const records = unpackRecords(batch)
  const shown: Shown[] = []
  walkRecords(records, batch.recordsCount, ({ keyStart, keyBytes, valueBytes, end, offsetDelta, timestampDelta }) => {
    // The one byte behind the value is the number of headers.
    const value = valueBytes < 0 ? null : records.toString('utf8', end - 1 - valueBytes, end - 1)
    shown.push({
      offset: batch.baseOffset + offsetDelta,
      key: records.toString('utf8', keyStart, keyStart + keyBytes),
      value,
      timestamp: batch.baseTimestamp + timestampDelta,
    })
  })
  return shown
}

/** What compacting everything must leave: the last record of each key. */
function latestOf(records: readonly Shown[]): Shown[] {
  return records.filter((record) => records.findLast((other) => other.key === record.key) === record)
}

/** Compacts all that has been written so far. */
async function compactAll(log: PartitionLog, now = NOW): Promise<void> {
  await log.roll()
  await log.maintain(now)
}

const letters = (count: number, keys: number): Pair[][] =>
  Array.from({ length: count }, (_, i) => [
    [`key ${i % keys}`, `value ${i}`],
    [`key ${(i * 7) % keys}`, `other ${i}`],
  ])

test('a segment whose state could not be written is compacted once it can be', async () => {
  const told: unknown[] = []
  const log = await openLog({}, folder, (error) => told.push(error))
  // What stands in its way stands for a disk without room.
  const inTheWay = path.join(folder, `${'0'.repeat(20)}.index.tmp`)
  await mkdir(inTheWay)
  for (const pairs of letters(40, 3)) await write(log, pairs)
  const written = await readAll(log)
  await compactAll(log)
  expect(told.map(String)).toEqual([expect.stringContaining('EISDIR')])
  await rmdir(inTheWay)
  await log.maintain(NOW)
  expect(await readAll(log)).toEqual(latestOf(written))
})

describe('what is left', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'is the last record of each key (%s)',
    async (codec) => {
      const log = await openLog()
      for (const pairs of letters(40, 5)) await write(log, pairs, { codec })
      const before = await readAll(log)
      const bytes = log.sizeBytes
      await compactAll(log)
      expect(await readAll(log)).toEqual(latestOf(before))
      expect(log.sizeBytes).toBeLessThan(bytes / 3)
      expect([log.startOffset, log.endOffset]).toEqual([0, 80])
      await close(log)
      const again = await openLog()
      expect(await readAll(again)).toEqual(latestOf(before))
      expect(await write(again, [['key 0', 'next']])).toBe(80)
    },
  )

  test('is found by every offset and by time', async () => {
    const log = await openLog()
    for (const [index, pairs] of letters(60, 7).entries()) await write(log, pairs, { timestamp: NOW + index * 10 })
    const expected = latestOf(await readAll(log))
    await compactAll(log)
    for (let offset = 0; offset < log.endOffset; offset++) {
      const batch = new BatchHeader().at(await log.read(offset, 1, true), 0)
      const next = expected.find((record) => record.offset >= offset)
      expect(batch.lastOffset).toBeGreaterThanOrEqual(offset)
      if (next) expect(batch.baseOffset).toBeLessThanOrEqual(next.offset)
    }
    const [first] = expected
    expect(await log.offsetAtTime(NOW)).toEqual({ offset: first?.offset, timestamp: first?.timestamp })
    const last = expected.at(-1)
    expect(await log.offsetOfMaxTimestamp()).toEqual({ offset: last?.offset, timestamp: last?.timestamp })
  })

  test('lies in few files, although it came in many', async () => {
    const log = await openLog()
    for (const pairs of letters(200, 3)) await write(log, pairs)
    const logFiles = async () => (await readdir(folder)).filter((name) => name.endsWith('.log')).length
    const before = await logFiles()
    for (let pass = 0; pass < 3; pass++) {
      await write(log, [['another', String(pass)]])
      await compactAll(log)
    }
    expect(before).toBeGreaterThan(20)
    expect(await logFiles()).toBeLessThan(5)
  })

  test('has tombstones until their time is up, and keeps the times of records', async () => {
    const log = await openLog()
    await write(log, [
      ['gone', 'x'],
      ['kept', 'y'],
    ])
    await write(log, [
      ['gone', null],
      ['other', 'z'],
    ])
    const all = await readAll(log)
    await compactAll(log)
    expect(await readAll(log)).toEqual(latestOf(all))
    for (const [later, isThere] of [
      [DELETE_RETENTION_MS - 1, true],
      [DELETE_RETENTION_MS, false],
    ] as const) {
      await write(log, [['other', `at ${later}`]])
      await compactAll(log, NOW + later)
      expect((await readAll(log)).some(({ key }) => key === 'gone')).toBe(isThere)
    }
    expect((await readAll(log)).find(({ key }) => key === 'kept')).toEqual(all[1])
  })

  test('a tombstone at the very end does not keep readers waiting for ever', async () => {
    const log = await openLog()
    await write(log, [['only', null]])
    for (const now of [NOW, NOW + 5000, NOW + 10_000]) await compactAll(log, now)
    await readAll(log)
  })
})

describe('what is not touched', () => {
  test('what is younger than min.compaction.lag.ms, and the segment that is written to', async () => {
    const lag = { ...SETTINGS.compaction, minLagMs: 10_000 }
    const log = await openLog({ compaction: lag })
    for (const pairs of letters(30, 2)) await write(log, pairs)
    const all = await readAll(log)
    await compactAll(log, NOW + 5000)
    expect(await readAll(log)).toEqual(all)
    await compactAll(log, NOW + 20_000)
    expect(await readAll(log)).toEqual(latestOf(all))
    await write(log, [['key 0', 'a']])
    await write(log, [['key 0', 'b']])
    await log.maintain(NOW + 20_000)
    expect((await readAll(log)).filter(({ key }) => key === 'key 0')).toHaveLength(3)
  })

  test('a log of which too little is new, unless that has waited for max.compaction.lag.ms', async () => {
    const log = await openLog({ compaction: { ...SETTINGS.compaction, minDirtyRatio: 0.5 } })
    for (let index = 0; index < 20; index++) await write(log, [[`key ${index}`, 'x'.repeat(100)]])
    await compactAll(log)
    await write(log, [['key 0', 'new']])
    await compactAll(log)
    expect((await readAll(log)).filter(({ key }) => key === 'key 0')).toHaveLength(2)
    log.settings = { ...log.settings, compaction: { ...log.settings.compaction, maxLagMs: 1000 } }
    await log.maintain(Date.now() + 5000)
    expect((await readAll(log)).filter(({ key }) => key === 'key 0')).toHaveLength(1)
  })

  test('a topic without that policy', async () => {
    const log = await openLog({ compacts: false })
    for (const pairs of letters(30, 2)) await write(log, pairs)
    await compactAll(log)
    expect(await readAll(log)).toHaveLength(60)
  })
})

describe('what is not known to its end', () => {
  test('is not compacted: a checkpoint does not tell what producers did behind it', async () => {
    const from5 = { producerId: 5, timestamp: Date.now() }
    const log = await openLog()
    for (let sequence = 0; sequence < 4; sequence++)
      await write(log, [['same', String(sequence)]], { ...from5, baseSequence: sequence })
    await log.roll()
    await log.settled()
    const [name = ''] = (await readdir(folder)).filter((each) => each.endsWith('.index')).sort()
    const whole = await readFile(path.join(folder, name))
    // As it would be until the state of the full segment has been written.
    await writeFile(path.join(folder, name), encodeState({ ...emptyState(0), sizeBytes: 80, nextOffset: 1 }))
    const all = await readAll(log)
    await log.maintain(NOW)
    expect(await readAll(log)).toEqual(all)
    await writeFile(path.join(folder, name), whole)
    await log.maintain(NOW)
    expect(await readAll(log)).toHaveLength(1)
    await close(log)
    expect(await write(await openLog(), [['same', '3']], { ...from5, baseSequence: 3 })).toBe(3)
  })
})

describe('transactions', () => {
  const from = (producerId: number, baseSequence: number) => ({ producerId, baseSequence, isTransactional: true })
  const end = (log: PartitionLog, producerId: number, committed: boolean) =>
    log.appendMarker({ producerId, producerEpoch: 0, committed, timestamp: NOW })

  test('one that is open holds compaction up, and one that was aborted replaces nothing', async () => {
    const log = await openLog()
    await write(log, [['a', 'committed']])
    await write(log, [['a', 'aborted']], from(1, 0))
    await end(log, 1, false)
    await write(log, [['b', 'first']])
    await write(log, [['b', 'undecided']], from(2, 0))
    for (const pairs of letters(20, 2)) await write(log, pairs)
    await compactAll(log)
    expect((await readAll(log)).filter(({ key }) => key === 'b')).toHaveLength(2)
    await end(log, 2, true)
    await write(log, [['c', 'last']])
    await compactAll(log)
    const left = await readAll(log)
    expect(left.filter(({ key }) => key === 'a').map(({ value }) => value)).toEqual(['committed'])
    expect(left.filter(({ key }) => key === 'b').map(({ value }) => value)).toEqual(['undecided'])
    await close(log)
    const again = await openLog()
    expect(await readAll(again)).toEqual(left)
    expect(again.abortedWithin(0, again.endOffset)).toMatchObject([{ producerId: 1, firstOffset: 1 }])
    expect(again.lastStableOffset).toBe(again.endOffset)
  })

  test('what is known of idempotent producers stays', async () => {
    // One whose records are old would be forgotten with the next segment.
    const from5 = { producerId: 5, timestamp: Date.now() }
    const log = await openLog()
    for (let sequence = 0; sequence < 10; sequence++)
      await write(log, [['same', String(sequence)]], { ...from5, baseSequence: sequence })
    await compactAll(log)
    await close(log)
    const again = await openLog()
    expect(await write(again, [['same', '9']], { ...from5, baseSequence: 9 })).toBe(9)
    await expect(write(again, [['same', 'x']], { ...from5, baseSequence: 20 })).rejects.toMatchObject({
      name: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    })
  })
})

describe('memory', () => {
  test('a log with more keys than one pass can note is compacted in several', async () => {
    const log = await openLog()
    for (const pairs of letters(100, 40)) await write(log, pairs)
    const expected = latestOf(await readAll(log))
    await log.roll()
    await log.settled()
    let cleanedTo = 0
    let passes = 0
    while (cleanedTo < log.endOffset) {
      const full = log.segments.all.slice(0, -1)
      const plan = planCompaction(full, log.endOffset, cleanedTo, log.lastStableOffset, log.settings, NOW)
      if (plan === undefined) throw new Error(`nothing to do at ${cleanedTo}`)
      cleanedTo = await cleanLog(log, plan, NOW, AbortSignal.timeout(60_000), 10)
      passes++
    }
    expect(passes).toBeGreaterThan(5)
    expect(await readAll(log)).toEqual(expected)
  })
})

describe('readers and writers', () => {
  test('go on while everything moves beneath them', async () => {
    const log = await openLog()
    const written: Shown[] = []
    let isWriting = true
    const writer = async () => {
      for (let index = 0; index < 150; index++) {
        const [key, value] = [`key ${index % 9}`, `value ${index}`]
        const offset = await write(log, [[key, value]])
        written.push({ offset, key, value, timestamp: NOW })
      }
      isWriting = false
    }
    const reader = async () => {
      while (isWriting) {
        await new Promise((resolve) => setImmediate(resolve))
        let seen = -1
        for (const { offset } of await readAll(log, 200)) {
          expect(offset).toBeGreaterThan(seen)
          seen = offset
        }
      }
    }
    const cleaner = async () => {
      while (isWriting) await compactAll(log)
    }
    await Promise.all([writer(), reader(), reader(), cleaner()])
    await compactAll(log)
    expect(await readAll(log)).toEqual(latestOf(written))
  })
})

test('closing the log breaks compaction off, and nothing is lost', async () => {
  const log = await openLog()
  for (const pairs of letters(100, 4)) await write(log, pairs)
  const all = await readAll(log)
  await log.roll()
  const compacting = log.maintain(NOW)
  await close(log)
  await compacting
  const again = await openLog()
  expect(latestOf(await readAll(again))).toEqual(latestOf(all))
  await compactAll(again)
  expect(await readAll(again)).toEqual(latestOf(all))
})

describe('when the process is killed', () => {
  /** The folders as they are before each step of each swap that compacting makes, and at its end. */
  async function killPoints(log: PartitionLog, into: string): Promise<string[]> {
    const snapshots: string[] = []
    const snapshot = async () => {
      const copy = path.join(into, String(snapshots.length))
      await cp(folder, copy, { recursive: true })
      snapshots.push(copy)
    }
    await log.roll()
    await log.settled()
    const full = log.segments.all.slice(0, -1)
    const plan = planCompaction(full, log.endOffset, 0, log.lastStableOffset, log.settings, NOW)
    if (plan === undefined) throw new Error('there is nothing to compact')
    const replace: PartitionLog['replace'] = async (others, cleaned) => {
      const merged = others.slice(1).map(({ baseOffset }) => baseOffset)
      for (const step of swapSteps(folder, { baseOffset: cleaned.baseOffset, merged })) {
        await snapshot()
        await step()
      }
      cleaned.tookPlace()
      log.segments.replace(others, cleaned)
      for (const segment of others) await segment.close()
      return true
    }
    const abortedWithin = log.abortedWithin.bind(log)
    await cleanLog({ folder, settings: log.settings, abortedWithin, replace }, plan, NOW, AbortSignal.timeout(60_000))
    await snapshot()
    return snapshots
  }

  test('at any step, nothing is lost, and compacting again ends where it would have ended', async () => {
    const key = fc.integer({ min: 0, max: 5 }).map((n) => `key ${n}`)
    const value = fc.option(fc.string({ maxLength: 60 }), { nil: null, freq: 6 })
    const batches = fc.array(fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 4 }), {
      minLength: 2,
      maxLength: 25,
    })
    const codec = fc.constantFrom<Codec>('none', 'gzip', 'lz4', 'snappy', 'zstd')
    await fc.assert(
      fc.asyncProperty(batches, codec, fc.nat(), async (written, packedBy, torn) => {
        const copies = await mkdtemp(path.join(tmpdir(), 'compaction-killed-'))
        const log = await openLog()
        for (const pairs of written) await write(log, pairs, { codec: packedBy })
        const all = await readAll(log)
        for (const snapshot of await killPoints(log, copies)) {
          const recovered = await openLog({}, snapshot)
          const found = await readAll(recovered)
          // Whatever has been dropped, each key's last record is there, and nothing that never was.
          expect(latestOf(found)).toEqual(latestOf(all))
          expect(all).toEqual(expect.arrayContaining(found))
          expect(recovered.endOffset).toBe(all.length)
          await write(recovered, [['after', String(torn)]])
          await compactAll(recovered)
          expect((await readAll(recovered)).slice(0, -1)).toEqual(latestOf(all))
          await close(recovered)
          expect((await readdir(snapshot)).filter((name) => name.endsWith('.cleaned') || name === 'swap.json')).toEqual(
            [],
          )
        }
        await close(log)
        for (const place of [folder, copies]) await rm(place, { recursive: true })
      }),
      { numRuns: 12 },
    )
  })

  test('while a cleaned segment is being written, the old ones are what counts', async () => {
    const log = await openLog()
    for (const pairs of letters(20, 3)) await write(log, pairs)
    const all = await readAll(log)
    await close(log)
    const [first = ''] = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort()
    await cp(path.join(folder, first), path.join(folder, `${first}.cleaned`))
    const again = await openLog()
    expect(await readAll(again)).toEqual(all)
    await finishSwap(folder)
    expect((await readdir(folder)).filter((name) => name.endsWith('.cleaned'))).toEqual([])
  })
})
