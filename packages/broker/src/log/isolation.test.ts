import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { batchOf, offsetsOf, TestLogs } from './fixtures/test-logs.ts'
import { PLAIN_LOG } from './log-settings.ts'
import type { PartitionLog } from './partition-log.ts'

const logs = new TestLogs()

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
    const log = await logs.open()
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
    const log = await logs.open()
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

  test('records that are deleted while they are read are not given out: nobody could tell that they were aborted', async () => {
    const log = await logs.open()
    await write(log, 1, 0)
    await end(log, 1, false)
    await log.roll()
    await log.append(batchOf(['plain']))
    const reading = log.read(0, 1 << 20, true)
    const dropped = log.dropBefore(3)
    await expect(reading).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
    await dropped
    expect(isolation(log)).toEqual({ stable: 4, aborted: [] })
    expect(offsetsOf(await log.read(3, 1 << 20, true))).toEqual([3])
  })

  test('a marker of the next epoch fences the producer; one of an older epoch is refused', async () => {
    const log = await logs.open()
    await write(log, 7, 0)
    await end(log, 7, false, 1)
    await expect(write(log, 7, 2)).rejects.toMatchObject({ name: 'INVALID_PRODUCER_EPOCH' })
    await expect(end(log, 7, true, 0)).rejects.toMatchObject({ name: 'INVALID_PRODUCER_EPOCH' })
    await log.append(batchOf(['x'], { producerId: 7, producerEpoch: 2, baseSequence: 0, isTransactional: true }))
    expect(isolation(log)).toEqual({ stable: 3, aborted: [[7, 0]] })
  })

  test('records outside of a transaction cannot come between, nor control batches or producers without an id', async () => {
    const log = await logs.open()
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
    const log = await logs.open(settings)
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
    expect((await logs.files()).length).toBeGreaterThan(3)
    await logs.stop(log)
    const clean = await logs.open(settings)
    expect(isolation(clean)).toEqual(before)
    await write(clean, 2, 12)
    await end(clean, 2, false)
    await write(clean, 2, 14)
    const later = isolation(clean)
    await logs.stop(clean)
    for (const name of await readdir(logs.folder)) if (name.endsWith('.index')) await rm(path.join(logs.folder, name))
    const scanned = await logs.open(settings)
    expect(isolation(scanned)).toEqual(later)
    await end(scanned, 1, true)
    expect(scanned.lastStableOffset).toBe(23)
  })

  test('a producer is not forgotten while its transaction is open', async () => {
    const log = await logs.open({ ...PLAIN_LOG, segmentBytes: 200, maxBatchBytes: 1000 })
    const longAgo = Date.now() - 2 * DAY_MS
    await write(log, 1, 0, 'x', longAgo)
    await write(log, 2, 0, 'x', longAgo)
    await log.appendMarker({ producerId: 2, producerEpoch: 0, committed: true, timestamp: longAgo })
    for (let index = 0; index < 4; index++) await log.append(batchOf(['x'.repeat(100)]))
    expect(log.producers.map(({ producerId }) => producerId)).toEqual([1])
    expect(log.lastStableOffset).toBe(0)
  })
})
