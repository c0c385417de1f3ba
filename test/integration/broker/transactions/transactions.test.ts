import { addPartitionsToTxn, ERROR, fetch, findCoordinator } from '@headrace/broker/protocol'
import { describe, expect, test } from 'vitest'
import { RawClient } from '../raw-client.ts'
import { READ_COMMITTED, READ_UNCOMMITTED, TransactionScene } from './scene.ts'

const scene = TransactionScene.open()

describe('a producer', () => {
  test('is told who coordinates its transactions', async () => {
    const { coordinators } = await scene.client.ask(findCoordinator, 6, { keyType: 1, coordinatorKeys: [scene.id] })
    expect(coordinators).toMatchObject([{ key: scene.id, errorCode: ERROR.NONE, port: scene.broker.port }])
    const old = await scene.client.ask(findCoordinator, 2, { keyType: 1, key: scene.id })
    expect(old).toMatchObject({ errorCode: ERROR.NONE, port: scene.broker.port })
  })

  test('keeps its id, and fences those before it by its epoch', async () => {
    const first = await scene.producer()
    const second = await scene.producer()
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
    const stranger = scene.stranger()
    expect(await stranger.add()).toBe(ERROR.INVALID_PRODUCER_ID_MAPPING)
  })

  test('that goes on asks for its next epoch, and is given the same when it asks again', async () => {
    const first = await scene.producer()
    const { producerId, producerEpoch } = first
    const again = Object.assign(scene.stranger(), { producerId, producerEpoch })
    expect(await first.init()).toBe(ERROR.NONE)
    expect(first.producerEpoch).toBe(producerEpoch + 1)
    expect(await again.init()).toBe(ERROR.NONE)
    expect(again.producerEpoch).toBe(producerEpoch + 1)
    await scene.producer()
    expect(await again.init()).toBe(ERROR.PRODUCER_FENCED)
  })

  test('needs a timeout within its limits, and an id', async () => {
    for (const timeout of [0, -1, 900_001])
      expect(await scene.stranger().init(5, timeout)).toBe(ERROR.INVALID_TRANSACTION_TIMEOUT)
    expect(await scene.stranger().init(5, 900_000)).toBe(ERROR.NONE)
    scene.id = ''
    expect(await scene.stranger().init()).toBe(ERROR.INVALID_REQUEST)
  })
})

describe('a transaction', () => {
  test('is seen by readers of committed records when it is committed, and by others at once', async () => {
    const one = await scene.producer()
    await one.add()
    await one.write(['a', 'b'])
    expect(await scene.readWith(READ_UNCOMMITTED)).toMatchObject({
      highWatermark: 2,
      lastStableOffset: 0,
      abortedTransactions: null,
    })
    expect((await scene.readWith(READ_UNCOMMITTED)).records?.length).toBeGreaterThan(0)
    expect(await scene.readWith(READ_COMMITTED)).toMatchObject({
      highWatermark: 2,
      lastStableOffset: 0,
      records: Buffer.alloc(0),
    })
    expect([await scene.endOffset(READ_UNCOMMITTED), await scene.endOffset(READ_COMMITTED)]).toEqual([2, 0])
    expect(await one.end(true)).toBe(ERROR.NONE)
    const committed = await scene.readWith(READ_COMMITTED)
    expect(committed).toMatchObject({ highWatermark: 3, lastStableOffset: 3, abortedTransactions: [] })
    expect(committed.records?.toString()).toContain('a')
    expect([await scene.endOffset(READ_UNCOMMITTED), await scene.endOffset(READ_COMMITTED)]).toEqual([3, 3])
  })

  test('that is aborted is named to readers of what it wrote', async () => {
    const one = await scene.producer()
    await one.add()
    await one.write(['a', 'b'])
    expect(await one.end(false)).toBe(ERROR.NONE)
    await one.add()
    await one.write(['c'])
    expect(await one.end(true)).toBe(ERROR.NONE)
    const aborted = [{ producerId: one.producerId, firstOffset: 0 }]
    expect(await scene.readWith(READ_COMMITTED)).toMatchObject({ lastStableOffset: 5, abortedTransactions: aborted })
    expect(await scene.readWith(READ_COMMITTED, 1)).toMatchObject({ abortedTransactions: aborted })
    expect(await scene.readWith(READ_COMMITTED, 3)).toMatchObject({ abortedTransactions: [] })
    expect(await scene.readWith(READ_UNCOMMITTED)).toMatchObject({ abortedTransactions: null })
  })

  test('wakes readers of committed records when it ends, and not before', async () => {
    const one = await scene.producer()
    await one.add()
    const reader = await RawClient.connect(scene.broker.address)
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }]
    reader.send(fetch, 12, {
      maxWaitMs: 60_000,
      minBytes: 1,
      isolationLevel: 1,
      topics: [{ topic: scene.topic, partitions }],
    })
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
    const one = await scene.producer()
    expect(await one.write(['x'])).toBe(ERROR.TRANSACTION_ABORTABLE)
    expect(await one.write(['x'], { version: 10 })).toBe(ERROR.INVALID_TXN_STATE)
    expect(await one.add([1])).toBe(ERROR.NONE)
    expect(await one.write(['x'], { version: 10 })).toBe(ERROR.INVALID_TXN_STATE)
    expect(await one.write(['x'], { transactionalId: null })).toBe(ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    expect(await one.write(['x'], { transactionalId: 'of nobody' })).toBe(ERROR.INVALID_PRODUCER_ID_MAPPING)
    await one.add([0])
    expect(await one.write(['x'])).toBe(ERROR.NONE)
    await scene.producer()
    expect(await one.write(['y'])).toBe(ERROR.INVALID_PRODUCER_EPOCH)
    expect(await scene.endOffset(READ_COMMITTED)).toBe(2)
  })

  test('is not begun with a partition that is not there', async () => {
    const one = await scene.producer()
    const topics = [
      { name: scene.topic, partitions: [0, 7] },
      { name: 'absent', partitions: [0] },
    ]
    const { producerId, producerEpoch } = one
    const { results } = await scene.client.ask(addPartitionsToTxn, 3, {
      transactionalId: scene.id,
      producerId,
      producerEpoch,
      topics,
    })
    expect(
      results.map((result) => result.resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)),
    ).toEqual([[ERROR.OPERATION_NOT_ATTEMPTED, ERROR.UNKNOWN_TOPIC_OR_PARTITION], [ERROR.UNKNOWN_TOPIC_OR_PARTITION]])
    expect((await scene.stateOf())?.transactionState).toBe('Empty')
  })

  test('ends once, however often that is asked for, and only as it ended', async () => {
    const one = await scene.producer()
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
    const one = await scene.producer()
    await one.add()
    await one.write(['lost'])
    const other = await scene.producer()
    expect(other.producerEpoch).toBe(one.producerEpoch + 2)
    const aborted = [{ producerId: one.producerId, firstOffset: 0 }]
    expect(await scene.readWith(READ_COMMITTED)).toMatchObject({ lastStableOffset: 2, abortedTransactions: aborted })
    await other.add()
    expect(await other.write(['kept'])).toBe(ERROR.NONE)
    expect(await one.end(true)).toBe(ERROR.PRODUCER_FENCED)
    expect(await other.end(true)).toBe(ERROR.NONE)
  })

  test('is aborted when its time is up, and its producer fenced', async () => {
    const one = await scene.producer(200)
    await one.add()
    await one.write(['late'])
    expect((await scene.readWith(READ_COMMITTED, 0, 30_000)).abortedTransactions).toHaveLength(1)
    expect((await scene.stateOf())?.transactionState).toBe('CompleteAbort')
    expect(await one.end(true)).toBe(ERROR.PRODUCER_FENCED)
    expect(await one.write(['later'])).toBe(ERROR.INVALID_PRODUCER_EPOCH)
  })

  test('stays open over a restart, and so does its timeout', async () => {
    const one = await scene.producer()
    await one.add()
    await one.write(['a'])
    const other = scene.id
    scene.id = `${other}-short`
    const short = await scene.producer(300)
    await short.add()
    await short.write(['b'])
    await scene.restart()
    expect((await scene.stateOf(other))?.transactionState).toBe('Ongoing')
    expect(await scene.endOffset(READ_COMMITTED)).toBe(0)
    scene.id = other
    await one.write(['c'])
    expect(await one.end(true)).toBe(ERROR.NONE)
    const { abortedTransactions } = await scene.readWith(READ_COMMITTED, 1, 30_000)
    expect(abortedTransactions).toEqual([{ producerId: short.producerId, firstOffset: 1 }])
  })
})

describe('offsets within a transaction', () => {
  test('are committed with it, and not stable until then', async () => {
    const one = await scene.producer()
    const group = scene.group
    expect(await one.commitOffset(group, 5)).toBe(ERROR.INVALID_TXN_STATE)
    for (const [version, committed] of [
      [0, true],
      [1, false],
      [2, true],
      [3, true],
    ] as const) {
      const before = await scene.committedOffset(group)
      expect(await one.addGroup(group, version)).toBe(ERROR.NONE)
      expect(await one.commitOffset(group, 10 + version, version)).toBe(ERROR.NONE)
      expect(await scene.committedOffset(group)).toBe(before)
      expect(await scene.committedOffset(group, true)).toBe(ERROR.UNSTABLE_OFFSET_COMMIT)
      if (version === 2) await scene.restart()
      expect(await one.end(committed, version)).toBe(ERROR.NONE)
      expect(await scene.committedOffset(group)).toBe(committed ? 10 + version : before)
      expect(await scene.committedOffset(group, true)).toBe(ERROR.NONE)
    }
  })

  test('are refused to a producer that was fenced, and to members that the group does not have', async () => {
    const one = await scene.producer()
    const group = scene.group
    await one.addGroup(group)
    const stranger = { memberId: 'nobody', generationId: 3 }
    expect(await one.commitOffset(group, 5, 3, stranger)).not.toBe(ERROR.NONE)
    await scene.producer()
    expect(await one.commitOffset(group, 5)).toBe(ERROR.INVALID_PRODUCER_EPOCH)
    expect(await scene.committedOffset(group)).toBe(-1)
  })
})
