import { describeProducers, ERROR, listTransactions, writeTxnMarkers } from '@headrace/broker/protocol'
import { expect, test } from 'vitest'
import { READ_COMMITTED, TransactionScene } from './scene.ts'

const scene = TransactionScene.open()

test('transactions are listed and described', async () => {
  const one = await scene.producer(12_345)
  await one.add([0, 1])
  expect(await scene.stateOf()).toMatchObject({
    errorCode: ERROR.NONE,
    transactionState: 'Ongoing',
    transactionTimeoutMs: 12_345,
    producerId: one.producerId,
    producerEpoch: one.producerEpoch,
    topics: [{ topic: scene.topic, partitions: [0, 1] }],
  })
  expect(await scene.stateOf('of nobody')).toMatchObject({ errorCode: ERROR.TRANSACTIONAL_ID_NOT_FOUND })
  const list = async (filters: { stateFilters?: string[]; producerIdFilters?: number[]; durationFilter?: number }) => {
    const request = { stateFilters: [], producerIdFilters: [], ...filters }
    const answer = await scene.client.ask(listTransactions, 1, request)
    const isMine = ({ transactionalId }: { transactionalId: string }) => transactionalId === scene.id
    return { unknown: answer.unknownStateFilters, mine: answer.transactionStates.filter(isMine).length }
  }
  expect(await list({})).toEqual({ unknown: [], mine: 1 })
  expect(await list({ stateFilters: ['Ongoing', 'Curious', 'Dead'] })).toEqual({ unknown: ['Curious'], mine: 1 })
  expect(await list({ stateFilters: ['Empty'] })).toEqual({ unknown: [], mine: 0 })
  expect(await list({ producerIdFilters: [one.producerId] })).toEqual({ unknown: [], mine: 1 })
  expect(await list({ durationFilter: 60_000 })).toEqual({ unknown: [], mine: 0 })
  await one.end(false)
  expect(await scene.stateOf()).toMatchObject({ transactionState: 'CompleteAbort', topics: [] })
})

test('producers are described, and what they left can be aborted in one partition', async () => {
  const one = await scene.producer()
  await one.add()
  await one.write(['a', 'b', 'c'])
  const describeThem = async () => {
    const answer = await scene.client.ask(describeProducers, 0, {
      topics: [{ name: scene.topic, partitionIndexes: [0, 9] }],
    })
    return answer.topics[0]?.partitions ?? []
  }
  const { producerId, producerEpoch } = one
  const [known, unknown] = await describeThem()
  expect(known?.activeProducers).toMatchObject([
    { producerId, producerEpoch, lastSequence: 2, currentTxnStartOffset: 0 },
  ])
  expect(unknown?.errorCode).toBe(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
  for (const version of [0, 1]) {
    const topics = [{ name: scene.topic, partitionIndexes: [0, 9] }]
    const marker = { producerId, producerEpoch, transactionResult: false, coordinatorEpoch: 0, topics }
    const { markers } = await scene.client.ask(writeTxnMarkers, version, { markers: [marker] })
    expect(markers[0]?.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([
      ERROR.NONE,
      ERROR.UNKNOWN_TOPIC_OR_PARTITION,
    ])
  }
  expect((await describeThem())[0]?.activeProducers).toMatchObject([{ producerId, currentTxnStartOffset: -1 }])
  expect(await scene.readWith(READ_COMMITTED)).toMatchObject({ lastStableOffset: 5 })
})
