import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ProducerIds } from '../cluster/producer-ids.ts'
import { VirtualTimers } from '../groups/fixtures/virtual-timers.ts'
import { OffsetStore } from '../groups/offset-store.ts'
import { forEachBatch, RecordBatchBuilder } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { IntervalFlusher } from '../storage/flusher.ts'
import { TopicRegistry } from '../topics/topic-registry.ts'
import { TransactionCoordinator } from './coordinator.ts'
import { Participants } from './participants.ts'
import { newTransaction, type ProducerRef, type Transaction } from './transaction.ts'
import { TransactionLog } from './transaction-log.ts'
import { DEFAULT_TRANSACTION_SETTINGS } from './transaction-settings.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const TIMEOUT_MS = 60_000
const BOTH = [{ topic: 't', partitions: [0, 1] }]

/** Participants that can be out of reach, as on a full disk. */
class Unreliable extends Participants {
  fails = false

  override async end(transaction: Transaction): Promise<void> {
    if (this.fails) throw new Error('no space left')
    await super.end(transaction)
  }
}

let dataDir: string
let topics: TopicRegistry
let offsets: OffsetStore
let log: TransactionLog
let producerIds: ProducerIds
let participants: Unreliable
let timers: VirtualTimers
let faults: unknown[]
const opened: TransactionCoordinator[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'transactions-'))
  faults = []
  timers = new VirtualTimers()
  const onError = (error: unknown) => faults.push(error)
  const flusher = new IntervalFlusher(60_000, onError)
  const storage = { fsync: { mode: 'interval', ms: 60_000 }, flusher, onError } as const
  topics = await TopicRegistry.open({ dataDir, storage, defaultPartitions: 2, topicDefaults: {} })
  await topics.create('t', 2)
  offsets = await OffsetStore.open(dataDir, storage)
  log = await TransactionLog.open(dataDir, storage)
  producerIds = await ProducerIds.open(dataDir)
  participants = new Unreliable(topics, offsets)
})
afterEach(async () => {
  for (const coordinator of opened.splice(0)) await coordinator.close()
  await offsets.close()
  await topics.close()
  await rm(dataDir, { recursive: true })
})

async function open(): Promise<TransactionCoordinator> {
  const onError = (error: unknown) => faults.push(error)
  const settings = DEFAULT_TRANSACTION_SETTINGS
  const coordinator = await TransactionCoordinator.open({ log, participants, producerIds, settings, onError, timers })
  opened.push(coordinator)
  return coordinator
}

function partition(index: number) {
  const found = topics.partition('t', index)
  if (found === undefined) throw new Error(`there is no partition ${index}`)
  return found
}

async function write(index: number, producer: ProducerRef): Promise<void> {
  const builder = new RecordBatchBuilder(64)
  builder.append(null, Buffer.from('x'), 1000)
  const { producerId, producerEpoch } = producer
  const options = { crc32c, producerId, producerEpoch, baseSequence: 0, isTransactional: true }
  await partition(index).append(Buffer.from(builder.seal(options)))
}

const pending = (offset: number) => [
  { topic: 't', partition: 0, offset, leaderEpoch: -1, metadata: '', committedAt: 1 },
]

/** A transaction of `id` as a process left it that was killed: it has written to both partitions and committed an offset. */
async function left(state: Transaction['state'], producerId = 9): Promise<Transaction> {
  const transaction: Transaction = {
    ...newTransaction('id', producerId, TIMEOUT_MS, Date.now()),
    state,
    topics: BOTH,
    groups: ['g'],
    startedAt: Date.now(),
  }
  await log.put(transaction)
  for (const index of [0, 1]) await write(index, transaction)
  await offsets.commitPending('g', producerId, pending(7))
  return transaction
}

async function markersIn(index: number): Promise<number[]> {
  const found: number[] = []
  forEachBatch(await partition(index).read(0, 1 << 20, true), (batch) => {
    if (batch.isControl) found.push(batch.baseOffset)
  })
  return found
}

describe('a crash of the machine that took the end of the coordinator’s file, and not that of the partitions', () => {
  const later = { producerId: 9, producerEpoch: 3 }

  test('no epoch is given out again that a partition knows', async () => {
    await log.put(newTransaction('id', 9, TIMEOUT_MS, Date.now()))
    await write(0, later)
    await partition(0).appendMarker({ ...later, committed: true, timestamp: 1000 })
    const coordinator = await open()
    expect(await coordinator.initProducer('id', TIMEOUT_MS, undefined)).toMatchObject({ ...later, producerEpoch: 4 })
    expect(await coordinator.initProducer('id', TIMEOUT_MS, undefined)).toMatchObject({ ...later, producerEpoch: 5 })
  })

  test('what a later epoch has open is aborted', async () => {
    const known = { ...newTransaction('id', 9, TIMEOUT_MS, Date.now()), topics: BOTH, startedAt: Date.now() }
    await log.put({ ...known, state: 'PrepareCommit' })
    await write(0, later)
    const coordinator = await open()
    expect(partition(0).abortedWithin(0, 2)).toMatchObject([{ producerId: 9, firstOffset: 0 }])
    expect(coordinator.find('id')?.state).toBe('CompleteCommit')
    expect(partition(0).lastStableOffset).toBe(partition(0).endOffset)
    expect(faults).toEqual([])
  })
})

describe('what a killed process left', () => {
  test.each([
    ['PrepareCommit', 'CompleteCommit', 7, 0],
    ['PrepareAbort', 'CompleteAbort', undefined, 1],
  ] as const)('%s is ended as it was decided', async (state, end, offset, aborted) => {
    await left(state)
    // One partition had been told before the kill: it is told again, and that changes nothing.
    const committed = state === 'PrepareCommit'
    await partition(0).appendMarker({ producerId: 9, producerEpoch: 0, committed, timestamp: 1000 })
    const coordinator = await open()
    expect(coordinator.find('id')).toMatchObject({ state: end, topics: [], groups: [] })
    expect([await markersIn(0), await markersIn(1)]).toEqual([[1, 2], [1]])
    for (const index of [0, 1]) {
      expect(partition(index).lastStableOffset).toBe(partition(index).endOffset)
      expect(partition(index).abortedWithin(0, 100)).toHaveLength(aborted)
    }
    expect(offsets.get('g', 't', 0)?.offset).toBe(offset)
    expect(offsets.pending).toEqual([])
  })

  test('an open transaction stays open for its producer', async () => {
    const transaction = await left('Ongoing')
    const coordinator = await open()
    expect(partition(0).lastStableOffset).toBe(0)
    await coordinator.end('id', transaction, 'commit')
    expect(partition(0).lastStableOffset).toBe(2)
    expect(offsets.get('g', 't', 0)?.offset).toBe(7)
  })

  test('what no transaction knows of is aborted', async () => {
    await left('Ongoing')
    const stray = { producerId: 77, producerEpoch: 3 }
    await write(0, stray)
    await offsets.commitPending('g', 77, pending(99))
    await open()
    expect(partition(0).producers).toMatchObject([
      { producerId: 9, transactionStart: 0 },
      { producerId: 77, transactionStart: null },
    ])
    expect(partition(0).abortedWithin(0, 100)).toMatchObject([{ producerId: 77, firstOffset: 1 }])
    expect(offsets.pending).toMatchObject([{ producerId: 9 }])
  })

  test('ids that have not been used for long are forgotten', async () => {
    await log.put({ ...newTransaction('old', 1, TIMEOUT_MS, Date.now() - 8 * DAY_MS), state: 'CompleteCommit' })
    await log.put(newTransaction('new', 2, TIMEOUT_MS, Date.now() - 6 * DAY_MS))
    const coordinator = await open()
    expect(coordinator.list().map(({ transactionalId }) => transactionalId)).toEqual(['new'])
  })
})

test('while participants cannot be told of an end, it stands, and nothing new begins', async () => {
  const coordinator = await open()
  const producer = await coordinator.initProducer('id', TIMEOUT_MS, undefined)
  await coordinator.addPartitions('id', producer, BOTH)
  await write(0, producer)
  participants.fails = true
  await coordinator.end('id', producer, 'commit')
  expect(faults).toHaveLength(1)
  const concurrent = expect.objectContaining({ name: 'CONCURRENT_TRANSACTIONS' })
  await expect(coordinator.addPartitions('id', producer, BOTH)).rejects.toEqual(concurrent)
  await expect(coordinator.end('id', producer, 'commit')).rejects.toEqual(concurrent)
  await expect(coordinator.end('id', producer, 'abort')).rejects.toMatchObject({ name: 'INVALID_TXN_STATE' })
  await expect(coordinator.initProducer('id', TIMEOUT_MS, undefined)).rejects.toEqual(concurrent)
  expect(() => coordinator.assertHasPartition('id', producer, 't', 0)).toThrow(concurrent)
  expect(partition(0).lastStableOffset).toBe(0)
  participants.fails = false
  timers.advance(500)
  await expect.poll(() => coordinator.find('id')?.state).toBe('CompleteCommit')
  expect(partition(0).lastStableOffset).toBe(2)
  expect(await coordinator.initProducer('id', TIMEOUT_MS, undefined)).toMatchObject({ producerEpoch: 1 })
})

test('a producer whose epochs are used up gets another id, and the same when it asks again', async () => {
  const last = { producerId: 9, producerEpoch: 32_766 }
  await log.put({ ...newTransaction('id', 9, TIMEOUT_MS, Date.now()), ...last })
  const coordinator = await open()
  const next = await coordinator.initProducer('id', TIMEOUT_MS, last)
  expect(next.producerId).not.toBe(9)
  expect(next.producerEpoch).toBe(0)
  expect(await coordinator.initProducer('id', TIMEOUT_MS, last)).toMatchObject({
    producerId: next.producerId,
    producerEpoch: 0,
  })
  await expect(coordinator.addPartitions('id', last, BOTH)).rejects.toMatchObject({
    name: 'INVALID_PRODUCER_ID_MAPPING',
  })
})

test('fencing the last epoch of a producer is possible, and the next has another id', async () => {
  const last = { producerId: 9, producerEpoch: 32_766 }
  await log.put({ ...newTransaction('id', 9, TIMEOUT_MS, Date.now()), ...last })
  const coordinator = await open()
  await coordinator.addPartitions('id', last, BOTH)
  await write(0, last)
  const next = await coordinator.initProducer('id', TIMEOUT_MS, undefined)
  expect(next).toMatchObject({ producerEpoch: 0 })
  expect(partition(0).producers).toMatchObject([{ producerId: 9, epoch: 32_767, transactionStart: null }])
})

test('records that are on their way when the end is asked for come before its marker', async () => {
  const coordinator = await open()
  const producer = await coordinator.initProducer('id', TIMEOUT_MS, undefined)
  await coordinator.addPartitions('id', producer, BOTH)
  coordinator.assertHasPartition('id', producer, 't', 0)
  await Promise.all([write(0, producer), coordinator.end('id', producer, 'abort')])
  expect(await markersIn(0)).toEqual([1])
  expect(partition(0).lastStableOffset).toBe(2)
})
