import { readdir } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { BATCH_FIELD, RecordBatchBuilder } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { batchOf, NARROW, offsetsOf, readAll, TestLogs } from './fixtures/test-logs.ts'
import type { PartitionLog } from './partition-log.ts'

const logs = new TestLogs()

function withoutOffset(batch: Buffer): Buffer {
  const copy = Buffer.from(batch)
  copy.fill(0, 0, BATCH_FIELD.batchLength)
  copy.fill(0, BATCH_FIELD.partitionLeaderEpoch, BATCH_FIELD.magic)
  return copy
}

describe('appending and reading', () => {
  test('batches come back byte for byte, with offsets in the order of their coming', async () => {
    const log = await logs.open()
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
    const log = await logs.open()
    await log.append(batchOf(['a', 'b', 'c']))
    await log.append(batchOf(['d', 'e']))
    for (const offset of [0, 1, 2]) expect(offsetsOf(await log.read(offset, 1 << 20, true))).toEqual([0, 3])
    for (const offset of [3, 4]) expect(offsetsOf(await log.read(offset, 1 << 20, true))).toEqual([3])
    expect(await log.read(5, 1 << 20, true)).toHaveLength(0)
    await expect(log.read(6, 1 << 20, true)).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
  })

  test('whole batches only: as many as fit, and the first however large where one is wanted', async () => {
    const log = await logs.open()
    const [first, second] = [batchOf(['x'.repeat(500)]), batchOf(['y'.repeat(500)])]
    await log.append(first)
    await log.append(second)
    expect(await log.read(0, first.length + second.length - 1, true)).toHaveLength(first.length)
    expect(await log.read(0, 10, true)).toHaveLength(first.length)
    expect(await log.read(0, 10, false)).toHaveLength(0)
    expect(await log.read(0, 100, false)).toHaveLength(0)
  })

  test('every offset is found in a log of many batches and segments', async () => {
    const log = await logs.open({ ...NARROW, segmentBytes: 100_000 })
    await Promise.all(Array.from({ length: 2000 }, (_, i) => log.append(batchOf([`value ${i}`, 'x'.repeat(i % 300)]))))
    expect(log.endOffset).toBe(4000)
    expect((await logs.files()).length).toBeGreaterThan(3)
    for (let offset = 0; offset < 4000; offset += 37)
      expect(offsetsOf(await log.read(offset, 1, true))).toEqual([offset - (offset % 2)])
    expect(offsetsOf(await readAll(log, 5000))).toEqual(Array.from({ length: 2000 }, (_, i) => i * 2))
  })

  test('writers and readers are told of what is there only once it is', async () => {
    const log = await logs.open()
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
    const log = await logs.open()
    await expect(log.append(batch)).rejects.toMatchObject({ name })
    expect(await log.append(batchOf(['good']))).toBe(0)
  })

  test('a count that does not go with the offsets', async () => {
    const log = await logs.open()
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
    const log = await logs.open()
    await appendTen(log)
    await expectRemembered(log)
    expect(await log.append(from(20))).toBe(20)
  })

  test.each([['closed'], ['killed']])('they still are after the broker was %s', async (how) => {
    const log = await logs.open({ ...NARROW, segmentBytes: 500 })
    await appendTen(log)
    if (how === 'closed') await logs.stop(log)
    await expectRemembered(await logs.open())
  })

  test('a batch and its repetition in one write are one', async () => {
    const log = await logs.open()
    const offsets = await Promise.all([log.append(batchOf(['x'])), log.append(from(0, 2)), log.append(from(0, 2))])
    expect(offsets).toEqual([0, 1, 1])
    expect(log.endOffset).toBe(3)
  })

  test('a newer epoch begins again at 0, and an older one is over', async () => {
    const log = await logs.open()
    await log.append(from(0, 3))
    await expect(log.append(from(3, 1, 1))).rejects.toMatchObject({ name: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(await log.append(from(0, 1, 1))).toBe(3)
    await expect(log.append(from(3))).rejects.toMatchObject({ name: 'INVALID_PRODUCER_EPOCH' })
  })

  test('sequences go on at 0 after the highest', async () => {
    const log = await logs.open()
    await log.append(from(0x7fff_fffe, 2))
    expect(await log.append(from(0))).toBe(2)
    expect(await log.append(from(0x7fff_fffe, 2))).toBe(0)
  })
})

describe('by time', () => {
  test('the first record at or after a time, and the latest one', async () => {
    const log = await logs.open(NARROW)
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
    let log = await logs.open()
    for (const [index, timestamp] of times.entries()) {
      if (index % 50 === 49) {
        if (how === 'closed') await logs.stop(log)
        log = await logs.open()
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
    const log = await logs.open()
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
    const log = await logs.open()
    expect(await log.offsetAtTime(0)).toBeUndefined()
    expect(await log.offsetOfMaxTimestamp()).toBeUndefined()
  })
})

describe('deleting', () => {
  test('what lies before an offset is gone, for good', async () => {
    const log = await logs.open(NARROW)
    for (let batch = 0; batch < 50; batch++) await log.append(batchOf(['x'.repeat(500), 'y']))
    const before = (await logs.files()).length
    expect(await log.deleteBefore(51)).toBe(51)
    expect((await logs.files()).length).toBeLessThan(before)
    await expect(log.read(50, 1 << 20, true)).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
    expect(offsetsOf(await log.read(51, 1, true))).toEqual([50])
    await logs.stop(log)
    expect((await logs.open(NARROW)).startOffset).toBe(51)
  })

  test('up to the end leaves an empty log that goes on at its offset', async () => {
    const log = await logs.open()
    await log.append(batchOf(['a', 'b']))
    expect(await log.deleteBefore(2)).toBe(2)
    await expect(log.deleteBefore(3)).rejects.toMatchObject({ name: 'OFFSET_OUT_OF_RANGE' })
    expect(await log.append(batchOf(['c']))).toBe(2)
    logs.running.delete(log)
    await log.destroy()
    await expect(readdir(logs.folder)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('whatever is under way, or asked for, when a log is destroyed is answered that there is no such partition', async () => {
  const log = await logs.open(NARROW)
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
  logs.running.delete(log)
  const destroyed = log.destroy()
  const outcomes = await Promise.allSettled([...before, ...everything()])
  await destroyed
  const after = await Promise.allSettled(everything())
  const refusals = [...outcomes, ...after].filter((outcome) => outcome.status === 'rejected')
  expect(refusals.map(({ reason }) => reason.name)).toEqual(refusals.map(() => 'UNKNOWN_TOPIC_OR_PARTITION'))
  expect(after.every(({ status }) => status === 'rejected')).toBe(true)
  await Promise.all([...quietBefore, ...silently()])
})
