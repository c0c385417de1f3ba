import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  describeProducers,
  describeTransactions,
  ERROR,
  endTxn,
  fetch,
  findCoordinator,
  initProducerId,
  listOffsets,
  listTransactions,
  metadata,
  offsetFetch,
  produce,
  txnOffsetCommit,
  writeTxnMarkers,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { batchOf } from './batches.ts'
import { RawClient } from './raw-client.ts'

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1

let dataDir: string
let broker: Broker
let client: RawClient
let topic: string
let id: string
let serial = 0
const faults: unknown[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-transactions-'))
  await start()
})
beforeEach(async () => {
  serial++
  topic = `topic-${serial}`
  id = `id-${serial}`
  client = await RawClient.connect(broker.address)
  await client.ask(metadata, 12, { topics: [{ name: topic, topicId: ZERO_UUID }] })
})
afterEach(() => client.close())
afterAll(async () => {
  await broker.close()
  await rm(dataDir, { recursive: true })
  expect(faults).toEqual([])
})

async function start(): Promise<void> {
  broker = await Broker.start({
    dataDir,
    config: { 'num.partitions': '2' },
    onError: (error) => faults.push(error),
  })
}

async function restart(): Promise<void> {
  client.close()
  await broker.close()
  await start()
  client = await RawClient.connect(broker.address)
}

/** One producer as the protocol sees it: it says what it is told to, in the version that it is told. */
class TestProducer {
  producerId = -1
  producerEpoch = -1
  sequence = 0

  async init(version = 5, transactionTimeoutMs = 60_000): Promise<number> {
    const asking = { producerId: this.producerId, producerEpoch: this.producerEpoch }
    const request = { transactionalId: id, transactionTimeoutMs, ...(version >= 3 && asking) }
    const answer = await client.ask(initProducerId, version, request)
    if (answer.errorCode === ERROR.NONE) {
      this.sequence = 0
      this.producerId = answer.producerId
      this.producerEpoch = answer.producerEpoch
    }
    return answer.errorCode
  }

  async add(partitions = [0], version = 3, name = topic): Promise<number | undefined> {
    const request = { ...this.#ref, topics: [{ name, partitions }] }
    const { results } = await client.ask(addPartitionsToTxn, version, request)
    return results[0]?.resultsByPartition[0]?.partitionErrorCode
  }

  async write(
    values: readonly string[],
    { version = 11, transactionalId = id as string | null } = {},
  ): Promise<number> {
    const { producerId, producerEpoch, sequence: baseSequence } = this
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional: true })
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
    const answer = await client.ask(produce, version, { transactionalId, acks: -1, timeoutMs: 1000, topicData })
    const errorCode = answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1
    if (errorCode === ERROR.NONE) this.sequence += values.length
    return errorCode
  }

  async end(committed: boolean, version = 3): Promise<number> {
    return (await client.ask(endTxn, version, { ...this.#ref, committed })).errorCode
  }

  async addGroup(groupId: string, version = 3): Promise<number> {
    return (await client.ask(addOffsetsToTxn, version, { ...this.#ref, groupId })).errorCode
  }

  async commitOffset(groupId: string, committedOffset: number, version = 3, member = {}): Promise<number | undefined> {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: 'm' }]
    const request = { ...this.#ref, groupId, topics: [{ name: topic, partitions }], ...member }
    return (await client.ask(txnOffsetCommit, version, request)).topics[0]?.partitions[0]?.errorCode
  }

  get #ref() {
    return { transactionalId: id, producerId: this.producerId, producerEpoch: this.producerEpoch }
  }
}

async function producer(timeoutMs?: number): Promise<TestProducer> {
  const made = new TestProducer()
  expect(await made.init(5, timeoutMs)).toBe(ERROR.NONE)
  return made
}

async function readWith(isolationLevel: number, fetchOffset = 0, maxWaitMs = 0) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
  const request = { maxWaitMs, minBytes: 1, isolationLevel, topics: [{ topic, partitions }] }
  const answer = await client.ask(fetch, 12, request)
  const partition = answer.responses[0]?.partitions[0]
  if (partition === undefined) throw new Error('no partition was answered')
  return partition
}

async function endOffset(isolationLevel: number): Promise<number | undefined> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  return (await client.ask(listOffsets, 9, { isolationLevel, topics })).topics[0]?.partitions[0]?.offset
}

async function committedOffset(groupId: string, requireStable = false) {
  const topics = [{ name: topic, partitionIndexes: [0] }]
  const { groups } = await client.ask(offsetFetch, 9, { topics: [], groups: [{ groupId, topics }], requireStable })
  const partition = groups[0]?.topics[0]?.partitions[0]
  return requireStable ? partition?.errorCode : partition?.committedOffset
}

async function stateOf(transactionalId = id) {
  const { transactionStates } = await client.ask(describeTransactions, 0, { transactionalIds: [transactionalId] })
  return transactionStates[0]
}

describe('a producer', () => {
  test('is told who coordinates its transactions', async () => {
    const { coordinators } = await client.ask(findCoordinator, 6, { keyType: 1, coordinatorKeys: [id] })
    expect(coordinators).toMatchObject([{ key: id, errorCode: ERROR.NONE, port: broker.port }])
    const old = await client.ask(findCoordinator, 2, { keyType: 1, key: id })
    expect(old).toMatchObject({ errorCode: ERROR.NONE, port: broker.port })
  })

  test('keeps its id, and fences those before it by its epoch', async () => {
    const first = await producer()
    const second = await producer()
    expect(second.producerId).toBe(first.producerId)
    expect(second.producerEpoch).toBe(first.producerEpoch + 1)
    const codes = [
      await first.add([0], 3),
      await first.add([0], 1),
      await first.addGroup('g', 1),
      await first.end(true, 2),
    ]
    const [fenced, old] = [ERROR.PRODUCER_FENCED, ERROR.INVALID_PRODUCER_EPOCH]
    expect(codes).toEqual([fenced, old, old, fenced])
    expect([await first.init(5), await first.init(3)]).toEqual([fenced, old])
    const stranger = new TestProducer()
    expect(await stranger.add()).toBe(ERROR.INVALID_PRODUCER_ID_MAPPING)
  })

  test('that goes on asks for its next epoch, and is given the same when it asks again', async () => {
    const first = await producer()
    const { producerId, producerEpoch } = first
    const again = Object.assign(new TestProducer(), { producerId, producerEpoch })
    expect(await first.init()).toBe(ERROR.NONE)
    expect(first.producerEpoch).toBe(producerEpoch + 1)
    expect(await again.init()).toBe(ERROR.NONE)
    expect(again.producerEpoch).toBe(producerEpoch + 1)
    await producer()
    expect(await again.init()).toBe(ERROR.PRODUCER_FENCED)
  })

  test('needs a timeout within its limits, and an id', async () => {
    for (const timeout of [0, -1, 900_001])
      expect(await new TestProducer().init(5, timeout)).toBe(ERROR.INVALID_TRANSACTION_TIMEOUT)
    expect(await new TestProducer().init(5, 900_000)).toBe(ERROR.NONE)
    id = ''
    expect(await new TestProducer().init()).toBe(ERROR.INVALID_REQUEST)
  })
})

describe('a transaction', () => {
  test('is seen by readers of committed records when it is committed, and by others at once', async () => {
    const one = await producer()
    await one.add()
    await one.write(['a', 'b'])
    expect(await readWith(READ_UNCOMMITTED)).toMatchObject({
      highWatermark: 2,
      lastStableOffset: 0,
      abortedTransactions: null,
    })
    expect((await readWith(READ_UNCOMMITTED)).records?.length).toBeGreaterThan(0)
    expect(await readWith(READ_COMMITTED)).toMatchObject({
      highWatermark: 2,
      lastStableOffset: 0,
      records: Buffer.alloc(0),
    })
    expect([await endOffset(READ_UNCOMMITTED), await endOffset(READ_COMMITTED)]).toEqual([2, 0])
    expect(await one.end(true)).toBe(ERROR.NONE)
    const committed = await readWith(READ_COMMITTED)
    expect(committed).toMatchObject({ highWatermark: 3, lastStableOffset: 3, abortedTransactions: [] })
    expect(committed.records?.toString()).toContain('a')
    expect([await endOffset(READ_UNCOMMITTED), await endOffset(READ_COMMITTED)]).toEqual([3, 3])
  })

  test('that is aborted is named to readers of what it wrote', async () => {
    const one = await producer()
    await one.add()
    await one.write(['a', 'b'])
    expect(await one.end(false)).toBe(ERROR.NONE)
    await one.add()
    await one.write(['c'])
    expect(await one.end(true)).toBe(ERROR.NONE)
    const aborted = [{ producerId: one.producerId, firstOffset: 0 }]
    expect(await readWith(READ_COMMITTED)).toMatchObject({ lastStableOffset: 5, abortedTransactions: aborted })
    expect(await readWith(READ_COMMITTED, 1)).toMatchObject({ abortedTransactions: aborted })
    expect(await readWith(READ_COMMITTED, 3)).toMatchObject({ abortedTransactions: [] })
    expect(await readWith(READ_UNCOMMITTED)).toMatchObject({ abortedTransactions: null })
  })

  test('wakes readers of committed records when it ends, and not before', async () => {
    const one = await producer()
    await one.add()
    const reader = await RawClient.connect(broker.address)
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }]
    reader.send(fetch, 12, { maxWaitMs: 60_000, minBytes: 1, isolationLevel: 1, topics: [{ topic, partitions }] })
    let isAnswered = false
    const answer = reader.receive(fetch, 12).then(({ body }) => {
      isAnswered = true
      return body
    })
    for (let batch = 0; batch < 3; batch++) await one.write(['early'])
    expect(isAnswered).toBe(false)
    await one.end(true)
    expect((await answer).responses[0]?.partitions[0]?.records?.toString()).toContain('early')
    reader.close()
  })

  test('takes records only into its partitions, from its producer, with its id', async () => {
    const one = await producer()
    expect(await one.write(['x'])).toBe(ERROR.TRANSACTION_ABORTABLE)
    expect(await one.write(['x'], { version: 10 })).toBe(ERROR.INVALID_TXN_STATE)
    expect(await one.add([1])).toBe(ERROR.NONE)
    expect(await one.write(['x'], { version: 10 })).toBe(ERROR.INVALID_TXN_STATE)
    expect(await one.write(['x'], { transactionalId: null })).toBe(ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    expect(await one.write(['x'], { transactionalId: 'of nobody' })).toBe(ERROR.INVALID_PRODUCER_ID_MAPPING)
    await one.add([0])
    expect(await one.write(['x'])).toBe(ERROR.NONE)
    await producer()
    expect(await one.write(['y'])).toBe(ERROR.INVALID_PRODUCER_EPOCH)
    expect(await endOffset(READ_COMMITTED)).toBe(2)
  })

  test('is not begun with a partition that is not there', async () => {
    const one = await producer()
    const topics = [
      { name: topic, partitions: [0, 7] },
      { name: 'absent', partitions: [0] },
    ]
    const { producerId, producerEpoch } = one
    const { results } = await client.ask(addPartitionsToTxn, 3, {
      transactionalId: id,
      producerId,
      producerEpoch,
      topics,
    })
    expect(
      results.map((result) => result.resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)),
    ).toEqual([[ERROR.OPERATION_NOT_ATTEMPTED, ERROR.UNKNOWN_TOPIC_OR_PARTITION], [ERROR.UNKNOWN_TOPIC_OR_PARTITION]])
    expect((await stateOf())?.transactionState).toBe('Empty')
  })

  test('ends once, however often that is asked for, and only as it ended', async () => {
    const one = await producer()
    expect(await one.end(true)).toBe(ERROR.INVALID_TXN_STATE)
    await one.add()
    expect([await one.end(true), await one.end(true), await one.end(false)]).toEqual([
      ERROR.NONE,
      ERROR.NONE,
      ERROR.INVALID_TXN_STATE,
    ])
    await one.add()
    expect([await one.end(false), await one.end(false), await one.end(true)]).toEqual([
      ERROR.NONE,
      ERROR.NONE,
      ERROR.INVALID_TXN_STATE,
    ])
  })

  test('of a producer that a new one follows is aborted', async () => {
    const one = await producer()
    await one.add()
    await one.write(['lost'])
    const other = await producer()
    expect(other.producerEpoch).toBe(one.producerEpoch + 2)
    const aborted = [{ producerId: one.producerId, firstOffset: 0 }]
    expect(await readWith(READ_COMMITTED)).toMatchObject({ lastStableOffset: 2, abortedTransactions: aborted })
    await other.add()
    expect(await other.write(['kept'])).toBe(ERROR.NONE)
    expect(await one.end(true)).toBe(ERROR.PRODUCER_FENCED)
    expect(await other.end(true)).toBe(ERROR.NONE)
  })

  test('is aborted when its time is up, and its producer fenced', async () => {
    const one = await producer(200)
    await one.add()
    await one.write(['late'])
    expect((await readWith(READ_COMMITTED, 0, 30_000)).abortedTransactions).toHaveLength(1)
    expect((await stateOf())?.transactionState).toBe('CompleteAbort')
    expect(await one.end(true)).toBe(ERROR.PRODUCER_FENCED)
    expect(await one.write(['later'])).toBe(ERROR.INVALID_PRODUCER_EPOCH)
  })

  test('stays open over a restart, and so does its timeout', async () => {
    const one = await producer()
    await one.add()
    await one.write(['a'])
    const other = id
    id = `${id}-short`
    const short = await producer(300)
    await short.add()
    await short.write(['b'])
    await restart()
    expect((await stateOf(other))?.transactionState).toBe('Ongoing')
    expect(await endOffset(READ_COMMITTED)).toBe(0)
    id = other
    await one.write(['c'])
    expect(await one.end(true)).toBe(ERROR.NONE)
    const { abortedTransactions } = await readWith(READ_COMMITTED, 1, 30_000)
    expect(abortedTransactions).toEqual([{ producerId: short.producerId, firstOffset: 1 }])
  })
})

describe('offsets within a transaction', () => {
  test('are committed with it, and not stable until then', async () => {
    const one = await producer()
    const group = `group-${serial}`
    expect(await one.commitOffset(group, 5)).toBe(ERROR.INVALID_TXN_STATE)
    for (const [version, committed] of [
      [0, true],
      [1, false],
      [2, true],
      [3, true],
    ] as const) {
      const before = await committedOffset(group)
      expect(await one.addGroup(group, version)).toBe(ERROR.NONE)
      expect(await one.commitOffset(group, 10 + version, version)).toBe(ERROR.NONE)
      expect(await committedOffset(group)).toBe(before)
      expect(await committedOffset(group, true)).toBe(ERROR.UNSTABLE_OFFSET_COMMIT)
      if (version === 2) await restart()
      expect(await one.end(committed, version)).toBe(ERROR.NONE)
      expect(await committedOffset(group)).toBe(committed ? 10 + version : before)
      expect(await committedOffset(group, true)).toBe(ERROR.NONE)
    }
  })

  test('are refused to a producer that was fenced, and to members that the group does not have', async () => {
    const one = await producer()
    const group = `group-${serial}`
    await one.addGroup(group)
    const stranger = { memberId: 'nobody', generationId: 3 }
    expect(await one.commitOffset(group, 5, 3, stranger)).not.toBe(ERROR.NONE)
    await producer()
    expect(await one.commitOffset(group, 5)).toBe(ERROR.INVALID_PRODUCER_EPOCH)
    expect(await committedOffset(group)).toBe(-1)
  })
})

describe('for whoever looks after them', () => {
  test('transactions are listed and described', async () => {
    const one = await producer(12_345)
    await one.add([0, 1])
    expect(await stateOf()).toMatchObject({
      errorCode: ERROR.NONE,
      transactionState: 'Ongoing',
      transactionTimeoutMs: 12_345,
      producerId: one.producerId,
      producerEpoch: one.producerEpoch,
      topics: [{ topic, partitions: [0, 1] }],
    })
    expect(await stateOf('of nobody')).toMatchObject({ errorCode: ERROR.TRANSACTIONAL_ID_NOT_FOUND })
    const list = async (filters: {
      stateFilters?: string[]
      producerIdFilters?: number[]
      durationFilter?: number
    }) => {
      const request = { stateFilters: [], producerIdFilters: [], ...filters }
      const answer = await client.ask(listTransactions, 1, request)
      const isMine = ({ transactionalId }: { transactionalId: string }) => transactionalId === id
      return { unknown: answer.unknownStateFilters, mine: answer.transactionStates.filter(isMine).length }
    }
    expect(await list({})).toEqual({ unknown: [], mine: 1 })
    expect(await list({ stateFilters: ['Ongoing', 'Curious', 'Dead'] })).toEqual({ unknown: ['Curious'], mine: 1 })
    expect(await list({ stateFilters: ['Empty'] })).toEqual({ unknown: [], mine: 0 })
    expect(await list({ producerIdFilters: [one.producerId] })).toEqual({ unknown: [], mine: 1 })
    expect(await list({ durationFilter: 60_000 })).toEqual({ unknown: [], mine: 0 })
    await one.end(false)
    expect(await stateOf()).toMatchObject({ transactionState: 'CompleteAbort', topics: [] })
  })

  test('producers are described, and what they left can be aborted in one partition', async () => {
    const one = await producer()
    await one.add()
    await one.write(['a', 'b', 'c'])
    const describeThem = async () => {
      const answer = await client.ask(describeProducers, 0, { topics: [{ name: topic, partitionIndexes: [0, 9] }] })
      return answer.topics[0]?.partitions ?? []
    }
    const { producerId, producerEpoch } = one
    const [known, unknown] = await describeThem()
    expect(known?.activeProducers).toMatchObject([
      { producerId, producerEpoch, lastSequence: 2, currentTxnStartOffset: 0 },
    ])
    expect(unknown?.errorCode).toBe(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
    for (const version of [0, 1]) {
      const topics = [{ name: topic, partitionIndexes: [0, 9] }]
      const marker = { producerId, producerEpoch, transactionResult: false, coordinatorEpoch: 0, topics }
      const { markers } = await client.ask(writeTxnMarkers, version, { markers: [marker] })
      expect(markers[0]?.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([
        ERROR.NONE,
        ERROR.UNKNOWN_TOPIC_OR_PARTITION,
      ])
    }
    expect((await describeThem())[0]?.activeProducers).toMatchObject([{ producerId, currentTxnStartOffset: -1 }])
    expect(await readWith(READ_COMMITTED)).toMatchObject({ lastStableOffset: 5 })
  })
})
