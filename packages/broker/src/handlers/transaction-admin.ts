import type { PartitionLog } from '../log/partition-log.ts'
import type { ProducerEntry } from '../log/producer-state.ts'
import {
  describeProducers,
  describeTransactions,
  ERROR,
  KafkaError,
  listTransactions,
  writeTxnMarkers,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { TRANSACTION_STATES } from '../transactions/transaction.ts'
import { answerOf, attempt, NO_ERROR, type Services } from './services.ts'

export function describeTransactionsHandler({ transactions }: Services): Handler {
  return handlerOf(describeTransactions, ({ transactionalIds }) => ({
    transactionStates: transactionalIds.map((transactionalId) => {
      const transaction = transactions.find(transactionalId)
      if (transaction === undefined) return unknownTransaction(transactionalId)
      const { state, timeoutMs, startedAt, producerId, producerEpoch, topics } = transaction
      return {
        errorCode: ERROR.NONE,
        transactionalId,
        transactionState: state,
        transactionTimeoutMs: timeoutMs,
        transactionStartTimeMs: startedAt,
        producerId,
        producerEpoch,
        topics,
      }
    }),
  }))
}

function unknownTransaction(transactionalId: string) {
  return {
    errorCode: ERROR.TRANSACTIONAL_ID_NOT_FOUND,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: -1,
    producerId: -1,
    producerEpoch: -1,
    topics: [],
  }
}

/** With those that Kafka has on the way from one to the other, and that are never seen here. */
const KNOWN_STATES: readonly string[] = [...TRANSACTION_STATES, 'PrepareEpochFence', 'Dead']

export function listTransactionsHandler({ transactions }: Services): Handler {
  return handlerOf(listTransactions, ({ stateFilters, producerIdFilters, durationFilter }) => {
    const startedBefore = Date.now() - durationFilter
    return {
      errorCode: ERROR.NONE,
      unknownStateFilters: stateFilters.filter((name) => !KNOWN_STATES.includes(name)),
      transactionStates: transactions
        .list()
        .filter(({ state }) => stateFilters.length === 0 || stateFilters.includes(state))
        .filter(({ producerId }) => producerIdFilters.length === 0 || producerIdFilters.includes(producerId))
        .filter(({ startedAt }) => durationFilter < 0 || (startedAt >= 0 && startedAt < startedBefore))
        .map(({ transactionalId, producerId, state }) => ({ transactionalId, producerId, transactionState: state })),
    }
  })
}

export function describeProducersHandler({ topics }: Services): Handler {
  return handlerOf(describeProducers, (request) => ({
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        try {
          const log = required(topics.partition(name, partitionIndex), partitionIndex)
          return { partitionIndex, ...NO_ERROR, activeProducers: log.producers.map(describe) }
        } catch (error) {
          return { partitionIndex, ...answerOf(error), activeProducers: [] }
        }
      }),
    })),
  }))
}

function describe({ producerId, epoch, batches, lastTimestamp, transactionStart }: ProducerEntry) {
  return {
    producerId,
    producerEpoch: epoch,
    lastSequence: batches.at(-1)?.lastSequence ?? -1,
    lastTimestamp,
    coordinatorEpoch: 0,
    currentTxnStartOffset: transactionStart ?? -1,
  }
}

/** Ends transactions in single partitions, as Kafka's tools do with one that hangs. */
export function writeTxnMarkersHandler({ topics }: Services): Handler {
  return handlerOf(writeTxnMarkers, async (request) => ({
    markers: await Promise.all(
      request.markers.map(async ({ producerId, producerEpoch, transactionResult, topics: asked }) => {
        const marker = { producerId, producerEpoch, committed: transactionResult, timestamp: Date.now() }
        const write = async (name: string, partitionIndex: number) => {
          const { errorCode } = await attempt(async () => {
            await required(topics.partition(name, partitionIndex), partitionIndex).appendMarker(marker)
          })
          return { partitionIndex, errorCode }
        }
        return {
          producerId,
          topics: await Promise.all(
            asked.map(async ({ name, partitionIndexes }) => ({
              name,
              partitions: await Promise.all(partitionIndexes.map((partitionIndex) => write(name, partitionIndex))),
            })),
          ),
        }
      }),
    ),
  }))
}

function required(log: PartitionLog | undefined, partitionIndex: number): PartitionLog {
  if (log === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `there is no partition ${partitionIndex}`)
  return log
}
