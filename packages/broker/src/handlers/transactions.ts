import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  ERROR,
  endTxn,
  initProducerId,
  KafkaError,
  type RequestOf,
  txnOffsetCommit,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import type { ProducerRef } from '../transactions/transaction.ts'
import { sortOut } from './group-offsets.ts'
import { answerOf, attempt, type Services } from './services.ts'

/** The versions from which clients tell a producer that was fenced from one with an old epoch (KIP-588). */
const FENCED_FROM = { initProducerId: 4, transaction: 2 } as const

/** Runs `action` and gives its error code, in the words that clients of that version know. */
async function codeOf(action: () => Promise<void>, version: number, fencedFrom: number): Promise<number> {
  const { errorCode } = await attempt(action)
  return errorCode === ERROR.PRODUCER_FENCED && version < fencedFrom ? ERROR.INVALID_PRODUCER_EPOCH : errorCode
}

export function initProducerIdHandler({ producerIds, transactions }: Services): Handler {
  return handlerOf(initProducerId, async (request, { version }) => {
    let producer: ProducerRef = { producerId: -1, producerEpoch: -1 }
    const action = async () => {
      producer = await init(request)
    }
    const errorCode = await codeOf(action, version, FENCED_FROM.initProducerId)
    return { errorCode, producerId: producer.producerId, producerEpoch: producer.producerEpoch }
  })

  async function init(request: RequestOf<typeof initProducerId>): Promise<ProducerRef> {
    const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request
    if (producerId < 0 !== producerEpoch < 0)
      throw new KafkaError('INVALID_REQUEST', 'a producer id needs an epoch, and an epoch a producer id')
    if (transactionalId === null) return { producerId: await producerIds.next(), producerEpoch: 0 }
    const asking = producerId < 0 ? undefined : { producerId, producerEpoch }
    return transactions.initProducer(transactionalId, transactionTimeoutMs, asking)
  }
}

export function addPartitionsToTxnHandler({ topics, transactions }: Services): Handler {
  return handlerOf(addPartitionsToTxn, async (request, { version }) => {
    const isThere = (topic: string, partition: number) => topics.partition(topic, partition) !== undefined
    const areAllThere = request.topics.every(({ name, partitions }) =>
      partitions.every((index) => isThere(name, index)),
    )
    const added = request.topics.map(({ name, partitions }) => ({ topic: name, partitions }))
    // All of them or none.
    const errorCode = areAllThere
      ? await codeOf(
          () => transactions.addPartitions(request.transactionalId, request, added),
          version,
          FENCED_FROM.transaction,
        )
      : ERROR.OPERATION_NOT_ATTEMPTED
    return {
      results: request.topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({
          partitionIndex,
          partitionErrorCode: isThere(name, partitionIndex) ? errorCode : ERROR.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      })),
    }
  })
}

export function addOffsetsToTxnHandler({ transactions }: Services): Handler {
  return handlerOf(addOffsetsToTxn, async (request, { version }) => {
    const add = () => transactions.addGroup(request.transactionalId, request, request.groupId)
    return { errorCode: await codeOf(add, version, FENCED_FROM.transaction) }
  })
}

export function txnOffsetCommitHandler({ groups, topics, transactions }: Services): Handler {
  return handlerOf(txnOffsetCommit, async (request, { version }) => {
    const { offsets, answer } = sortOut(request.topics, topics)
    const { errorCode } = await attempt(async () => {
      const { transactionalId, groupId, memberId, groupInstanceId, generationId, producerId } = request
      assertHasGroup(request)
      groups.assertMayCommit(groupId, { memberId, groupInstanceId, generationId }, { version, isTransactional: true })
      try {
        await groups.offsets.commitPending(groupId, producerId, offsets)
      } catch (error) {
        throw new KafkaError('COORDINATOR_NOT_AVAILABLE', `offsets of "${transactionalId}" were not written: ${error}`)
      }
    })
    return { topics: answer(errorCode) }
  })

  /** In the words that this request knows: its clients are told of fencing by INVALID_PRODUCER_EPOCH in every version. */
  function assertHasGroup(request: RequestOf<typeof txnOffsetCommit>): void {
    try {
      transactions.assertHasGroup(request.transactionalId, request, request.groupId)
    } catch (error) {
      const { errorCode, errorMessage } = answerOf(error)
      const message = errorMessage ?? ''
      if (errorCode === ERROR.PRODUCER_FENCED) throw new KafkaError('INVALID_PRODUCER_EPOCH', message)
      if (errorCode === ERROR.CONCURRENT_TRANSACTIONS) throw new KafkaError('COORDINATOR_LOAD_IN_PROGRESS', message)
      throw error
    }
  }
}

export function endTxnHandler({ transactions }: Services): Handler {
  return handlerOf(endTxn, async (request, { version }) => {
    const end = () => transactions.end(request.transactionalId, request, request.committed ? 'commit' : 'abort')
    return { errorCode: await codeOf(end, version, FENCED_FROM.transaction) }
  })
}
