import { appendFile, open, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { IntervalFlusher } from '../storage/flusher.ts'
import { batchOf, fail, NARROW, offsetsOf, ROOMY, readAll, TestLogs } from './fixtures/test-logs.ts'
import { PartitionLog } from './partition-log.ts'
import { emptyState } from './segment-state.ts'
import { encodeState } from './segment-state-file.ts'

const logs = new TestLogs()

describe('recovery', () => {
  test('a torn tail of any length is cut off, and what was whole is kept', async () => {
    const log = await logs.open()
    await log.append(batchOf(['a', 'b']))
    const kept = await log.append(batchOf(['c']))
    const [name = ''] = await logs.files()
    const whole = await readFile(path.join(logs.folder, name))
    const torn = batchOf(['torn', 'apart'])
    for (let cut = 1; cut < torn.length; cut += 9) {
      await writeFile(path.join(logs.folder, name), Buffer.concat([whole, torn.subarray(0, cut)]))
      const recovered = await logs.open()
      expect(recovered.endOffset).toBe(kept + 1)
      expect(await readFile(path.join(logs.folder, name))).toEqual(whole)
      expect(await recovered.append(batchOf(['next']))).toBe(kept + 1)
      expect(offsetsOf(await readAll(recovered))).toEqual([0, 2, 3])
    }
  })

  test('a tail with the right length and the wrong bytes is cut off', async () => {
    const log = await logs.open()
    await log.append(batchOf(['a']))
    const [name = ''] = await logs.files()
    const tail = batchOf(['b'])
    tail.writeUInt8(0xff, tail.length - 1)
    await appendFile(path.join(logs.folder, name), tail)
    expect((await logs.open()).endOffset).toBe(1)
  })

  test('a file that lost bytes behind its kept state is read again', async () => {
    const log = await logs.open()
    await log.append(batchOf(['a', 'b']))
    await log.append(batchOf(['c']))
    await logs.stop(log)
    const [name = ''] = await logs.files()
    await truncate(path.join(logs.folder, name), batchOf(['a', 'b']).length + 5)
    const recovered = await logs.open()
    expect(recovered.endOffset).toBe(2)
    expect(offsetsOf(await readAll(recovered))).toEqual([0])
  })

  test('what was appended after a clean stop is found after a kill', async () => {
    const first = await logs.open(NARROW)
    await first.append(batchOf(['a']))
    await logs.stop(first)
    const second = await logs.open(NARROW)
    for (const value of ['b', 'c', 'x'.repeat(3000), 'd']) await second.append(batchOf([value], { timestamp: 5000 }))
    const third = await logs.open(NARROW)
    expect(third.endOffset).toBe(5)
    expect(offsetsOf(await readAll(third))).toEqual([0, 1, 2, 3, 4])
    expect(await third.offsetAtTime(5000)).toEqual({ offset: 1, timestamp: 5000 })
  })
})

describe('an end that the disk lost', () => {
  test('before what was deleted: the log begins, and goes on, where records were deleted up to', async () => {
    const log = await logs.open()
    for (const value of ['a', 'b', 'c']) await log.append(batchOf([value]))
    await log.deleteBefore(3)
    await logs.stop(log)
    const [name = ''] = await logs.files()
    await truncate(path.join(logs.folder, name), batchOf(['a']).length)
    const recovered = await logs.open()
    expect([recovered.startOffset, recovered.endOffset]).toEqual([3, 3])
    expect(await recovered.append(batchOf(['d']))).toBe(3)
    expect(offsetsOf(await readAll(recovered))).toEqual([3])
    await logs.stop(recovered)
    const again = await logs.open()
    expect([again.startOffset, again.endOffset]).toEqual([3, 4])
  })
})

describe('checkpoints', () => {
  const BATCH = 'x'.repeat(1_000_000)
  const from = (baseSequence: number) =>
    batchOf([BATCH], { producerId: 9, producerEpoch: 0, baseSequence, timestamp: 1000 + baseSequence })

  /** A killed log of 40 MB, of which a checkpoint covers the first 34, and its file. */
  async function killed(): Promise<{ log: string; state: string }> {
    const log = await logs.open()
    for (let sequence = 0; sequence < 40; sequence++) await log.append(from(sequence))
    await log.settled()
    const [name = ''] = await logs.files()
    return { log: path.join(logs.folder, name), state: path.join(logs.folder, name.replace('.log', '.index')) }
  }

  async function damage(file: string, position: number): Promise<void> {
    const handle = await open(file, 'r+')
    await handle.write(Buffer.from('?'), 0, 1, position)
    await handle.close()
  }

  test('what one covers is not read again, and nothing that was known of it is lost', async () => {
    const files = await killed()
    await damage(files.log, 5_000_500)
    const log = await logs.open()
    expect(log.endOffset).toBe(40)
    expect(await log.offsetAtTime(1020)).toEqual({ offset: 20, timestamp: 1020 })
    expect(await log.offsetOfMaxTimestamp()).toEqual({ offset: 39, timestamp: 1039 })
    expect(offsetsOf(await log.read(33, 1, true))).toEqual([33])
    expect(await log.append(from(38))).toBe(38)
    expect(await log.append(from(40))).toBe(40)
    await damage(files.log, 38_000_500)
    expect((await logs.open()).endOffset).toBeLessThan(39)
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
    expect((await logs.open()).endOffset).toBe(5)
  })

  test('one that speaks of more than the file has is not believed, not even once the file has grown again', async () => {
    const first = await logs.open()
    for (const value of ['a', 'b', 'c', 'd']) await first.append(batchOf([value.repeat(100)]))
    await logs.stop(first)
    const [name = ''] = await logs.files()
    await truncate(path.join(logs.folder, name), 400)
    const second = await logs.open()
    expect(second.endOffset).toBe(2)
    for (const size of [10, 300, 20, 500]) await second.append(batchOf(['x'.repeat(size), 'y']))
    const third = await logs.open()
    expect(third.endOffset).toBe(10)
    expect(offsetsOf(await readAll(third))).toEqual([0, 1, 2, 4, 6, 8])
  })

  test('between writes a smaller one is made when there is time', async () => {
    const log = await logs.open()
    await log.append(batchOf([BATCH]))
    await log.append(batchOf([BATCH]))
    await log.maintain()
    await log.settled()
    const [name = ''] = await logs.files()
    await damage(path.join(logs.folder, name), 500)
    expect((await logs.open()).endOffset).toBe(2)
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
    const log = await PartitionLog.open(logs.folder, { ...ROOMY, flushMessages: 3 }, storage)
    logs.running.add(log)
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
    await symlink(device, path.join(logs.folder, `${'0'.repeat(20)}.log`))
    const onError = (error: unknown) => told.push(error)
    const flusher = new IntervalFlusher(60_000, onError)
    const fsync = mode === 'always' ? { mode } : { mode, ms: 60_000 }
    return PartitionLog.open(logs.folder, ROOMY, { fsync, flusher, onError })
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
    expect((await readdir(logs.folder)).filter((name) => name.endsWith('.index'))).toEqual([])
  })

  test('has no checkpoint', async () => {
    const log = await openOnDevice('interval')
    while (told.length === 0) await log.append(batchOf(['x'.repeat(1_000_000)])).catch(() => {})
    await log.close()
    expect((await readdir(logs.folder)).filter((name) => name.endsWith('.index'))).toEqual([])
    expect(told).toHaveLength(1)
  })
})
