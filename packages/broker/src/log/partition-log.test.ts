import {
  appendFile,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BATCH_FIELD, forEachBatch, RecordBatchBuilder } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { IntervalFlusher } from '../storage/flusher.ts'
import { type LogSettings, PLAIN_LOG } from './log-settings.ts'
import { PartitionLog } from './partition-log.ts'
import { emptyState } from './segment-state.ts'
import { encodeState } from './segment-state-file.ts'

const ROOMY: LogSettings = { ...PLAIN_LOG, segmentBytes: 1 << 30, maxBatchBytes: 1 << 20 }
const NARROW: LogSettings = { ...PLAIN_LOG, segmentBytes: 2000, maxBatchBytes: 1 << 20 }

let folder: string
const open = new Set<PartitionLog>()

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'partition-log-'))
})
afterEach(async () => {
  for (const log of open) await stop(log)
  await rm(folder, { recursive: true, force: true })
})

function fail(error: unknown): void {
  throw error
}

/** Opens the log. One that the test does not stop lies there as a killed process would leave it: its files say nothing of their end. */
async function openLog(settings = ROOMY): Promise<PartitionLog> {
  // A process that is dead does not go on writing.
  for (const killed of open) await killed.settled()
  const flusher = new IntervalFlusher(60_000, fail)
  const storage = { fsync: { mode: 'interval', ms: 60_000 }, flusher, onError: fail } as const
  const log = await PartitionLog.open(folder, settings, storage)
  open.add(log)
  return log
}

async function stop(log: PartitionLog): Promise<void> {
  open.delete(log)
  await log.close()
}

interface BatchOptions {
  readonly timestamp?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
}

function batchOf(values: readonly string[], { timestamp = 1000, ...producer }: BatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder(64)
  for (const [index, value] of values.entries()) builder.append(null, Buffer.from(value), timestamp + index)
  return Buffer.from(builder.seal({ crc32c, ...producer }))
}

function offsetsOf(batches: Buffer): number[] {
  const offsets: number[] = []
  forEachBatch(batches, (batch) => offsets.push(batch.baseOffset))
  return offsets
}

async function readAll(log: PartitionLog, maxBytes = 1 << 20): Promise<Buffer> {
  const parts: Buffer[] = []
  let next = log.startOffset
  while (next < log.endOffset) {
    const part = await log.read(next, maxBytes, true)
    forEachBatch(part, (batch) => {
      next = batch.lastOffset + 1
    })
    parts.push(part)
  }
  return Buffer.concat(parts)
}

async function logFiles(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.log')).sort()
}

/** Offset and leader epoch are the broker's; all else must come back as it was sent. */
function withoutOffset(batch: Buffer): Buffer {
  const copy = Buffer.from(batch)
  copy.fill(0, 0, BATCH_FIELD.batchLength)
  copy.fill(0, BATCH_FIELD.partitionLeaderEpoch, BATCH_FIELD.magic)
  return copy
}

describe('appending and reading', () => {
  test('batches come back byte for byte, with offsets in the order of their coming', async () => {
    const log = await openLog()
    const sent = [batchOf(['a', 'b', 'c']), batchOf(['d']), batchOf(['e', 'f'])]
    const copies = sent.map((batch) => Buffer.from(batch))
    expect(await Promise.all(sent.map((batch) => log.append(batch)))).toEqual([0, 3, 4])
    expect(log.endOffset).toBe(6)
    const read = await log.read(0, 1 << 20, true)
    expect(offsetsOf(read)).toEqual([0, 3, 4])
    const parts = copies.map((copy, index) => {
      const start = copies.slice(0, index).reduce((sum, other) => sum + other.length, 0)
      return read.subarray(start, start + copy.length)
    })
    expect(parts.map(withoutOffset)).toEqual(copies.map(withoutOffset))
  })

  test('a read begins with the batch that holds the offset', async () => {
    const log = await openLog()
    await log.append(batchOf(['a', 'b', 'c']))
    await log.append(batchOf(['d', 'e']))
    for (const offset of [0, 1, 2]) expect(offsetsOf(await log.read(offset, 1 << 20, true))).toEqual([0, 3])
    for (const offset of [3, 4]) expect(offsetsOf(await log.read(offset, 1 << 20, true))).toEqual([3])
    expect(await log.read(5, 1 << 20, true)).toHaveLength(0)
    await expect(log.read(6, 1 << 20, true)).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
  })

  test('whole batches only: as many as fit, and the first however large where one is wanted', async () => {
    const log = await openLog()
    const [first, second] = [batchOf(['x'.repeat(500)]), batchOf(['y'.repeat(500)])]
    await log.append(first)
    await log.append(second)
    expect(await log.read(0, first.length + second.length - 1, true)).toHaveLength(first.length)
    expect(await log.read(0, 10, true)).toHaveLength(first.length)
    expect(await log.read(0, 10, false)).toHaveLength(0)
    expect(await log.read(0, 100, false)).toHaveLength(0)
  })

  test('every offset is found in a log of many batches and segments', async () => {
    const log = await openLog({ ...NARROW, segmentBytes: 100_000 })
    await Promise.all(Array.from({ length: 2000 }, (_, i) => log.append(batchOf([`value ${i}`, 'x'.repeat(i % 300)]))))
    expect(log.endOffset).toBe(4000)
    expect((await logFiles()).length).toBeGreaterThan(3)
    for (let offset = 0; offset < 4000; offset += 37)
      expect(offsetsOf(await log.read(offset, 1, true))).toEqual([offset - (offset % 2)])
    expect(offsetsOf(await readAll(log, 5000))).toEqual(Array.from({ length: 2000 }, (_, i) => i * 2))
  })

  test('writers and readers are told of what is there only once it is', async () => {
    const log = await openLog()
    const heard: number[] = []
    const stop = log.onAppend((bytes) => heard.push(bytes))
    const batch = batchOf(['a'])
    const appended = log.append(batch)
    expect(log.endOffset).toBe(0)
    await appended
    expect(heard).toEqual([batch.length])
    stop()
    await log.append(batchOf(['b']))
    expect(heard).toHaveLength(1)
  })
})

describe('forcing to the disk', () => {
  class CountingFlusher extends IntervalFlusher {
    left = 0
    override wrote(target: PartitionLog): void {
      this.left++
      super.wrote(target)
    }
  }

  test('after so many records nothing is left to the interval', async () => {
    const flusher = new CountingFlusher(60_000, fail)
    const storage = { fsync: { mode: 'interval', ms: 60_000 }, flusher, onError: fail } as const
    const log = await PartitionLog.open(folder, { ...ROOMY, flushMessages: 3 }, storage)
    open.add(log)
    const left: number[] = []
    for (const values of [['a'], ['b'], ['c'], ['d'], ['e', 'f'], ['g', 'h', 'i', 'j'], ['k']]) {
      await log.append(batchOf(values))
      left.push(flusher.left)
    }
    expect(left).toEqual([1, 2, 2, 3, 3, 3, 4])
    await flusher.close()
  })
})

describe('a file that cannot be forced to the disk', () => {
  // Takes whatever is written, and refuses to be forced.
  const device = '/dev/null'
  const told: unknown[] = []

  async function openOnDevice(mode: 'always' | 'interval'): Promise<PartitionLog> {
    told.length = 0
    await symlink(device, path.join(folder, `${'0'.repeat(20)}.log`))
    const onError = (error: unknown) => told.push(error)
    const flusher = new IntervalFlusher(60_000, onError)
    const fsync = mode === 'always' ? { mode } : { mode, ms: 60_000 }
    return PartitionLog.open(folder, ROOMY, { fsync, flusher, onError })
  }

  test.each([
    ['an append that waits for the disk', 'always', async () => {}],
    ['a flush of what did not wait', 'interval', (log: PartitionLog) => log.flush().catch(() => {})],
    ['closing', 'interval', (log: PartitionLog) => log.close()],
  ] as const)('found by %s: nothing is acknowledged from there on, or kept as known', async (_how, mode, find) => {
    const log = await openOnDevice(mode)
    const first = await Promise.allSettled([log.append(batchOf(['a']))])
    await find(log)
    for (let again = 0; again < 3; again++)
      await expect(log.append(batchOf(['b']))).rejects.toMatchObject({ name: expect.stringMatching(/STORAGE|LEADER/) })
    await log.close()
    expect(first[0]?.status).toBe(mode === 'always' ? 'rejected' : 'fulfilled')
    expect(told.map(String)).toEqual([expect.stringContaining('the disk failed to keep')])
    expect((await readdir(folder)).filter((name) => name.endsWith('.index'))).toEqual([])
  })

  test('has no checkpoint', async () => {
    const log = await openOnDevice('interval')
    while (told.length === 0) await log.append(batchOf(['x'.repeat(1_000_000)])).catch(() => {})
    await log.close()
    expect((await readdir(folder)).filter((name) => name.endsWith('.index'))).toEqual([])
    expect(told).toHaveLength(1)
  })
})

describe('what is refused', () => {
  const damaged = (change: (batch: Buffer) => void) => {
    const batch = batchOf(['a', 'b'])
    change(batch)
    return batch
  }
  test.each([
    ['CORRUPT_MESSAGE', damaged((batch) => batch.writeUInt8(7, batch.length - 1))],
    ['CORRUPT_MESSAGE', batchOf(['a']).subarray(0, 60)],
    ['CORRUPT_MESSAGE', batchOf(['a']).subarray(0, 64)],
    ['UNSUPPORTED_FOR_MESSAGE_FORMAT', damaged((batch) => batch.writeInt8(1, BATCH_FIELD.magic))],
    ['INVALID_RECORD', Buffer.concat([batchOf(['a']), batchOf(['b'])])],
    ['MESSAGE_TOO_LARGE', batchOf(['x'.repeat(1 << 20)])],
  ])('%s', async (name, batch) => {
    const log = await openLog()
    await expect(log.append(batch)).rejects.toMatchObject({ name })
    expect(await log.append(batchOf(['good']))).toBe(0)
  })

  test('a count that does not go with the offsets', async () => {
    const log = await openLog()
    const batch = batchOf(['a', 'b'])
    batch.writeInt32BE(5, BATCH_FIELD.recordsCount)
    batch.writeUInt32BE(crc32c(batch.subarray(BATCH_FIELD.attributes)), BATCH_FIELD.crc)
    await expect(log.append(batch)).rejects.toMatchObject({ name: 'INVALID_RECORD' })
  })
})

describe('idempotent producers', () => {
  const from = (baseSequence: number, count = 1, producerEpoch = 0) =>
    batchOf(Array.from({ length: count }, String), { producerId: 9, producerEpoch, baseSequence })

  async function appendTen(log: PartitionLog): Promise<void> {
    for (let sequence = 0; sequence < 20; sequence += 2) await log.append(from(sequence, 2))
  }

  async function expectRemembered(log: PartitionLog): Promise<void> {
    for (const sequence of [18, 16, 14, 12, 10]) expect(await log.append(from(sequence, 2))).toBe(sequence)
    await expect(log.append(from(8, 2))).rejects.toMatchObject({ name: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    await expect(log.append(from(21))).rejects.toMatchObject({ name: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(log.endOffset).toBe(20)
  }

  test('the last five batches are known again', async () => {
    const log = await openLog()
    await appendTen(log)
    await expectRemembered(log)
    expect(await log.append(from(20))).toBe(20)
  })

  test.each([['closed'], ['killed']])('they still are after the broker was %s', async (how) => {
    const log = await openLog({ ...NARROW, segmentBytes: 500 })
    await appendTen(log)
    if (how === 'closed') await stop(log)
    await expectRemembered(await openLog())
  })

  test('a batch and its repetition in one write are one', async () => {
    const log = await openLog()
    const offsets = await Promise.all([log.append(batchOf(['x'])), log.append(from(0, 2)), log.append(from(0, 2))])
    expect(offsets).toEqual([0, 1, 1])
    expect(log.endOffset).toBe(3)
  })

  test('a newer epoch begins again at 0, and an older one is over', async () => {
    const log = await openLog()
    await log.append(from(0, 3))
    await expect(log.append(from(3, 1, 1))).rejects.toMatchObject({ name: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(await log.append(from(0, 1, 1))).toBe(3)
    await expect(log.append(from(3))).rejects.toMatchObject({ name: 'INVALID_PRODUCER_EPOCH' })
  })

  test('sequences go on at 0 after the highest', async () => {
    const log = await openLog()
    await log.append(from(0x7fff_fffe, 2))
    expect(await log.append(from(0))).toBe(2)
    expect(await log.append(from(0x7fff_fffe, 2))).toBe(0)
  })
})

describe('recovery', () => {
  test('a torn tail of any length is cut off, and what was whole is kept', async () => {
    const log = await openLog()
    await log.append(batchOf(['a', 'b']))
    const kept = await log.append(batchOf(['c']))
    const [name = ''] = await logFiles()
    const whole = await readFile(path.join(folder, name))
    const torn = batchOf(['torn', 'apart'])
    for (let cut = 1; cut < torn.length; cut += 9) {
      await writeFile(path.join(folder, name), Buffer.concat([whole, torn.subarray(0, cut)]))
      const recovered = await openLog()
      expect(recovered.endOffset).toBe(kept + 1)
      expect(await readFile(path.join(folder, name))).toEqual(whole)
      expect(await recovered.append(batchOf(['next']))).toBe(kept + 1)
      expect(offsetsOf(await readAll(recovered))).toEqual([0, 2, 3])
    }
  })

  test('a tail with the right length and the wrong bytes is cut off', async () => {
    const log = await openLog()
    await log.append(batchOf(['a']))
    const [name = ''] = await logFiles()
    const tail = batchOf(['b'])
    tail.writeUInt8(0xff, tail.length - 1)
    await appendFile(path.join(folder, name), tail)
    expect((await openLog()).endOffset).toBe(1)
  })

  test('a file that lost bytes behind its kept state is read again', async () => {
    const log = await openLog()
    await log.append(batchOf(['a', 'b']))
    await log.append(batchOf(['c']))
    await stop(log)
    const [name = ''] = await logFiles()
    await truncate(path.join(folder, name), batchOf(['a', 'b']).length + 5)
    const recovered = await openLog()
    expect(recovered.endOffset).toBe(2)
    expect(offsetsOf(await readAll(recovered))).toEqual([0])
  })

  test('what was appended after a clean stop is found after a kill', async () => {
    const first = await openLog(NARROW)
    await first.append(batchOf(['a']))
    await stop(first)
    const second = await openLog(NARROW)
    for (const value of ['b', 'c', 'x'.repeat(3000), 'd']) await second.append(batchOf([value], { timestamp: 5000 }))
    const third = await openLog(NARROW)
    expect(third.endOffset).toBe(5)
    expect(offsetsOf(await readAll(third))).toEqual([0, 1, 2, 3, 4])
    expect(await third.offsetAtTime(5000)).toEqual({ offset: 1, timestamp: 5000 })
  })
})

describe('checkpoints', () => {
  const BATCH = 'x'.repeat(1_000_000)
  const from = (baseSequence: number) =>
    batchOf([BATCH], { producerId: 9, producerEpoch: 0, baseSequence, timestamp: 1000 + baseSequence })

  /** A killed log of 40 MB, of which a checkpoint covers the first 34, and its file. */
  async function killed(): Promise<{ log: string; state: string }> {
    const log = await openLog()
    for (let sequence = 0; sequence < 40; sequence++) await log.append(from(sequence))
    await log.settled()
    const [name = ''] = await logFiles()
    return { log: path.join(folder, name), state: path.join(folder, name.replace('.log', '.index')) }
  }

  async function damage(file: string, position: number): Promise<void> {
    const handle = await openFile(file, 'r+')
    await handle.write(Buffer.from('?'), 0, 1, position)
    await handle.close()
  }

  test('what one covers is not read again, and nothing that was known of it is lost', async () => {
    const files = await killed()
    await damage(files.log, 5_000_500)
    const log = await openLog()
    expect(log.endOffset).toBe(40)
    expect(await log.offsetAtTime(1020)).toEqual({ offset: 20, timestamp: 1020 })
    expect(await log.offsetOfMaxTimestamp()).toEqual({ offset: 39, timestamp: 1039 })
    expect(offsetsOf(await log.read(33, 1, true))).toEqual([33])
    expect(await log.append(from(38))).toBe(38)
    expect(await log.append(from(40))).toBe(40)
    await damage(files.log, 38_000_500)
    expect((await openLog()).endOffset).toBeLessThan(39)
  })

  test.each([
    ['damaged', async (file: string) => damage(file, (await readFile(file)).length - 1)],
    ['cut off', async (file: string) => truncate(file, (await readFile(file)).length - 8)],
    ['empty', async (file: string) => truncate(file, 0)],
    ['of another segment', async (file: string) => writeFile(file, encodeState({ ...emptyState(7), sizeBytes: 100 }))],
    ['gone', async (file: string) => rm(file)],
  ])('one that is %s is not believed: all is read', async (_how, spoil) => {
    const files = await killed()
    await damage(files.log, 5_000_500)
    await spoil(files.state)
    expect((await openLog()).endOffset).toBe(5)
  })

  test('one that speaks of more than the file has is not believed, not even once the file has grown again', async () => {
    const first = await openLog()
    for (const value of ['a', 'b', 'c', 'd']) await first.append(batchOf([value.repeat(100)]))
    await stop(first)
    const [name = ''] = await logFiles()
    await truncate(path.join(folder, name), 400)
    const second = await openLog()
    expect(second.endOffset).toBe(2)
    for (const size of [10, 300, 20, 500]) await second.append(batchOf(['x'.repeat(size), 'y']))
    const third = await openLog()
    expect(third.endOffset).toBe(10)
    expect(offsetsOf(await readAll(third))).toEqual([0, 1, 2, 4, 6, 8])
  })

  test('between writes a smaller one is made when there is time', async () => {
    const log = await openLog()
    await log.append(batchOf([BATCH]))
    await log.append(batchOf([BATCH]))
    await log.maintain()
    await log.settled()
    const [name = ''] = await logFiles()
    await damage(path.join(folder, name), 500)
    expect((await openLog()).endOffset).toBe(2)
  })
})

describe('by time', () => {
  test('the first record at or after a time, and the latest one', async () => {
    const log = await openLog(NARROW)
    for (let batch = 0; batch < 200; batch++)
      await log.append(batchOf(['a'.repeat(50), 'b', 'c'], { timestamp: batch * 10 }))
    expect(await log.offsetAtTime(0)).toEqual({ offset: 0, timestamp: 0 })
    expect(await log.offsetAtTime(501)).toEqual({ offset: 151, timestamp: 501 })
    expect(await log.offsetAtTime(503)).toEqual({ offset: 153, timestamp: 510 })
    expect(await log.offsetAtTime(1993)).toBeUndefined()
    expect(await log.offsetOfMaxTimestamp()).toEqual({ offset: 599, timestamp: 1992 })
  })

  test.each([['closed'], ['killed']])('a log that was %s and opened again is searched as before', async (how) => {
    // Early records come late, so that an index which forgets what lies before it leads past the right ones.
    const times = Array.from({ length: 120 }, (_, index) => ((index * 37) % 60) + (index % 3 === 0 ? index * 2 : 0))
    let log = await openLog()
    for (const [index, timestamp] of times.entries()) {
      if (index % 50 === 49) {
        if (how === 'closed') await stop(log)
        log = await openLog()
      }
      await log.append(batchOf(['x'.repeat(5000)], { timestamp }))
    }
    for (let sought = 0; sought <= Math.max(...times) + 1; sought++) {
      const offset = times.findIndex((timestamp) => timestamp >= sought)
      expect(await log.offsetAtTime(sought)).toEqual(offset < 0 ? undefined : { offset, timestamp: times[offset] })
    }
    const latest = Math.max(...times)
    expect(await log.offsetOfMaxTimestamp()).toEqual({ offset: times.indexOf(latest), timestamp: latest })
  })

  test('records before the log start are passed over, wherever in a batch it lies', async () => {
    const log = await openLog()
    await log.append(batchOf(['a'], { timestamp: 1 }))
    const builder = new RecordBatchBuilder(64)
    for (const timestamp of [50, 2, 3]) builder.append(null, Buffer.from('b'), timestamp)
    await log.append(Buffer.from(builder.seal({ crc32c })))
    await log.append(batchOf(['c'], { timestamp: 60 }))
    expect(await log.offsetAtTime(40)).toEqual({ offset: 1, timestamp: 50 })
    await log.deleteBefore(2)
    expect(await log.offsetAtTime(40)).toEqual({ offset: 4, timestamp: 60 })
  })

  test('an empty log has neither', async () => {
    const log = await openLog()
    expect(await log.offsetAtTime(0)).toBeUndefined()
    expect(await log.offsetOfMaxTimestamp()).toBeUndefined()
  })
})

describe('deleting', () => {
  test('what lies before an offset is gone, for good', async () => {
    const log = await openLog(NARROW)
    for (let batch = 0; batch < 50; batch++) await log.append(batchOf(['x'.repeat(500), 'y']))
    const before = (await logFiles()).length
    expect(await log.deleteBefore(51)).toBe(51)
    expect((await logFiles()).length).toBeLessThan(before)
    await expect(log.read(50, 1 << 20, true)).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
    expect(offsetsOf(await log.read(51, 1, true))).toEqual([50])
    await stop(log)
    expect((await openLog(NARROW)).startOffset).toBe(51)
  })

  test('up to the end leaves an empty log that goes on at its offset', async () => {
    const log = await openLog()
    await log.append(batchOf(['a', 'b']))
    expect(await log.deleteBefore(2)).toBe(2)
    await expect(log.deleteBefore(3)).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
    expect(await log.append(batchOf(['c']))).toBe(2)
    open.delete(log)
    await log.destroy()
    await expect(readdir(folder)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('whatever is under way, or asked for, when a log is destroyed is answered that there is no such partition', async () => {
  const log = await openLog(NARROW)
  for (let batch = 0; batch < 30; batch++) await log.append(batchOf(['x'.repeat(500)], { timestamp: batch }))
  const everything = () => [
    log.append(batchOf(['y'])),
    log.appendMarker({ producerId: 1, producerEpoch: 0, committed: true, timestamp: 1 }),
    log.read(7, 1 << 20, true),
    log.offsetAtTime(29),
    log.offsetOfMaxTimestamp(),
    log.deleteBefore(12),
  ]
  const silently = () => [log.flush(), log.maintain(), log.roll()]
  const [before, quietBefore] = [everything(), silently()]
  open.delete(log)
  const destroyed = log.destroy()
  const outcomes = await Promise.allSettled([...before, ...everything()])
  await destroyed
  const after = await Promise.allSettled(everything())
  const refusals = [...outcomes, ...after].filter((outcome) => outcome.status === 'rejected')
  expect(refusals.map(({ reason }) => reason.name)).toEqual(refusals.map(() => 'UNKNOWN_TOPIC_OR_PARTITION'))
  expect(after.every(({ status }) => status === 'rejected')).toBe(true)
  await Promise.all([...quietBefore, ...silently()])
})

describe('transactions', () => {
  const DAY_MS = 24 * 60 * 60 * 1000
  const write = (log: PartitionLog, producerId: number, baseSequence: number, value = 'x', timestamp = 1000) =>
    log.append(
      batchOf([value, value], { producerId, producerEpoch: 0, baseSequence, isTransactional: true, timestamp }),
    )
  const end = (log: PartitionLog, producerId: number, committed: boolean, producerEpoch = 0) =>
    log.appendMarker({ producerId, producerEpoch, committed, timestamp: 2000 })
  const isolation = (log: PartitionLog) => ({
    stable: log.lastStableOffset,
    aborted: log.abortedWithin(0, log.endOffset).map(({ producerId, firstOffset }) => [producerId, firstOffset]),
  })

  test('what lies behind the oldest open one is not stable', async () => {
    const log = await openLog()
    await log.append(batchOf(['plain']))
    expect(log.lastStableOffset).toBe(1)
    await write(log, 7, 0)
    await write(log, 8, 0)
    await log.append(batchOf(['plain']))
    expect(isolation(log)).toEqual({ stable: 1, aborted: [] })
    expect(await end(log, 8, false)).toBe(6)
    expect(isolation(log)).toEqual({ stable: 1, aborted: [[8, 3]] })
    await end(log, 7, true)
    expect(isolation(log)).toEqual({ stable: 8, aborted: [[8, 3]] })
    expect(offsetsOf(await log.read(0, 1 << 20, true, 3))).toEqual([0, 1])
  })

  test('only aborted ones that a range has records of are named for it', async () => {
    const log = await openLog()
    await write(log, 1, 0)
    await write(log, 2, 0)
    await end(log, 2, false)
    await write(log, 2, 2)
    await end(log, 2, false)
    await end(log, 1, false)
    await write(log, 3, 0)
    await end(log, 3, false)
    const within = (from: number, to: number) => log.abortedWithin(from, to).map(({ firstOffset }) => firstOffset)
    expect(within(0, 12)).toEqual([0, 2, 5, 9])
    expect(within(0, 2)).toEqual([0])
    expect(within(4, 5)).toEqual([0, 2])
    expect(within(5, 6)).toEqual([0, 5])
    expect(within(8, 9)).toEqual([0])
    expect(within(9, 10)).toEqual([9])
    expect(within(12, 20)).toEqual([])
  })

  test('a marker of the next epoch fences the producer; one of an older epoch is refused', async () => {
    const log = await openLog()
    await write(log, 7, 0)
    await end(log, 7, false, 1)
    await expect(write(log, 7, 2)).rejects.toMatchObject({ name: 'INVALID_PRODUCER_EPOCH' })
    await expect(end(log, 7, true, 0)).rejects.toMatchObject({ name: 'INVALID_PRODUCER_EPOCH' })
    await log.append(batchOf(['x'], { producerId: 7, producerEpoch: 2, baseSequence: 0, isTransactional: true }))
    expect(isolation(log)).toEqual({ stable: 3, aborted: [[7, 0]] })
  })

  test('records outside of a transaction cannot come between, nor control batches or producers without an id', async () => {
    const log = await openLog()
    await write(log, 7, 0)
    const outside = batchOf(['x'], { producerId: 7, producerEpoch: 0, baseSequence: 2 })
    await expect(log.append(outside)).rejects.toMatchObject({ name: 'INVALID_TXN_STATE' })
    const forged = batchOf(['x'], { producerId: 7, producerEpoch: 0, isControl: true })
    await expect(log.append(forged)).rejects.toMatchObject({ name: 'INVALID_RECORD' })
    await expect(log.append(batchOf(['x'], { isTransactional: true }))).rejects.toMatchObject({
      name: 'INVALID_RECORD',
    })
  })

  test('all of that is known again after a restart, clean or not, across segments', async () => {
    const settings = { ...PLAIN_LOG, segmentBytes: 300, maxBatchBytes: 1000 }
    const log = await openLog(settings)
    await write(log, 1, 0)
    for (let round = 0; round < 6; round++) {
      await write(log, 2, round * 2)
      await end(log, 2, round % 2 === 0)
    }
    const before = isolation(log)
    expect(before).toEqual({
      stable: 0,
      aborted: [
        [2, 5],
        [2, 11],
        [2, 17],
      ],
    })
    expect((await logFiles()).length).toBeGreaterThan(3)
    await stop(log)
    const clean = await openLog(settings)
    expect(isolation(clean)).toEqual(before)
    await write(clean, 2, 12)
    await end(clean, 2, false)
    await write(clean, 2, 14)
    const later = isolation(clean)
    await stop(clean)
    for (const name of await readdir(folder)) if (name.endsWith('.index')) await rm(path.join(folder, name))
    const scanned = await openLog(settings)
    expect(isolation(scanned)).toEqual(later)
    await end(scanned, 1, true)
    expect(scanned.lastStableOffset).toBe(23)
  })

  test('a producer is not forgotten while its transaction is open', async () => {
    const log = await openLog({ ...PLAIN_LOG, segmentBytes: 200, maxBatchBytes: 1000 })
    const longAgo = Date.now() - 2 * DAY_MS
    await write(log, 1, 0, 'x', longAgo)
    await write(log, 2, 0, 'x', longAgo)
    await log.appendMarker({ producerId: 2, producerEpoch: 0, committed: true, timestamp: longAgo })
    for (let index = 0; index < 4; index++) await log.append(batchOf(['x'.repeat(100)]))
    expect(log.producers.map(({ producerId }) => producerId)).toEqual([1])
    expect(log.lastStableOffset).toBe(0)
  })
})
