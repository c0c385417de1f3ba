import {
  BATCH_HEADER_BYTES,
  BatchHeader,
  ERROR,
  KafkaError,
  produce,
  type RequestOf,
  type ResponseOf,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { answerOf, type Services } from './services.ts'

type PartitionAnswer = ResponseOf<typeof produce>['responses'][number]['partitionResponses'][number]
type PartitionData = RequestOf<typeof produce>['topicData'][number]['partitionData'][number]

/** Below this version requests carry message formats that have not been written since 2017. */
const FIRST_VERSION_TAKEN = 3

export function produceHandler({ topics, transactions }: Services): Handler {
  return handlerOf(produce, async (request, { version }) => {
    const responses = await Promise.all(
      request.topicData.map(async ({ name, partitionData }) => ({
        name,
        partitionResponses: await Promise.all(partitionData.map((data) => append(name, data, request, version))),
      })),
    )
    if (request.acks !== 0) return { responses }
    const failed = responses.flatMap((topic) => topic.partitionResponses).find(({ errorCode }) => errorCode !== 0)
    // The client awaits no answer: closing the connection is the only way to tell it.
    if (failed) throw new Error(`a record batch sent without acknowledgement was refused: ${failed.errorMessage}`)
    return null
  })

  async function append(
    topic: string,
    { index, records }: PartitionData,
    { acks, transactionalId }: RequestOf<typeof produce>,
    version: number,
  ): Promise<PartitionAnswer> {
    try {
      if (version < FIRST_VERSION_TAKEN)
        throw new KafkaError('UNSUPPORTED_VERSION', 'message formats before 2 are not taken')
      if (acks < -1 || acks > 1) throw new KafkaError('INVALID_REQUIRED_ACKS', 'acks must be -1, 0 or 1')
      const log = topics.partition(topic, index)
      if (log === undefined)
        throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `there is no partition ${index} of topic "${topic}"`)
      if (records === null) throw new KafkaError('INVALID_RECORD', 'there are no records')
      const now = Date.now()
      assertInTransaction(records, transactionalId, topic, index, version)
      // Begun in the same step as the check: a marker that ends the transaction comes after these records or before the check.
      const baseOffset = await log.append(records, now)
      const logAppendTimeMs = log.settings.timestamps.type === 'LogAppendTime' ? now : -1
      return { index, errorCode: ERROR.NONE, baseOffset, logAppendTimeMs, logStartOffset: log.startOffset }
    } catch (error) {
      return { index, ...answerOf(error), baseOffset: -1 }
    }
  }

  /** Transactional records are taken only into a partition that their producer's open transaction has. */
  function assertInTransaction(
    records: Buffer,
    transactionalId: string | null,
    topic: string,
    partition: number,
    version: number,
  ): void {
    if (records.length < BATCH_HEADER_BYTES) return
    const batch = new BatchHeader().at(records, 0)
    if (!batch.isTransactional) return
    if (transactionalId === null)
      throw new KafkaError('TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'transactional records need a transactional id')
    const { producerId, producerEpoch } = batch
    try {
      transactions.assertHasPartition(transactionalId, { producerId, producerEpoch }, topic, partition)
    } catch (error) {
      throw asProduceKnowsIt(error, version)
    }
  }
}

/** From this version on producers know TRANSACTION_ABORTABLE (KIP-890). */
const FIRST_VERSION_WITH_ABORTABLE = 11

function asProduceKnowsIt(error: unknown, version: number): unknown {
  if (!(error instanceof KafkaError)) return error
  if (error.name === 'PRODUCER_FENCED') return new KafkaError('INVALID_PRODUCER_EPOCH', error.message)
  // Older clients try again after this one only, and Kafka sends it for that.
  if (error.name === 'CONCURRENT_TRANSACTIONS') return new KafkaError('NOT_ENOUGH_REPLICAS', error.message)
  if (error.name === 'INVALID_TXN_STATE' && version >= FIRST_VERSION_WITH_ABORTABLE)
    return new KafkaError('TRANSACTION_ABORTABLE', error.message)
  return error
}
