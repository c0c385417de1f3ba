import { ERROR, initProducerId, KafkaError, produce, type RequestOf, type ResponseOf } from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { answerOf, type Services } from './services.ts'

type PartitionAnswer = ResponseOf<typeof produce>['responses'][number]['partitionResponses'][number]
type PartitionData = RequestOf<typeof produce>['topicData'][number]['partitionData'][number]

/** Below this version requests carry message formats that have not been written since 2017. */
const FIRST_VERSION_TAKEN = 3

export function produceHandler({ topics }: Services): Handler {
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
    { acks }: RequestOf<typeof produce>,
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
      const baseOffset = await log.append(records, now)
      const logAppendTimeMs = log.settings.timestamps.type === 'LogAppendTime' ? now : -1
      return { index, errorCode: ERROR.NONE, baseOffset, logAppendTimeMs, logStartOffset: log.startOffset }
    } catch (error) {
      return { index, ...answerOf(error), baseOffset: -1 }
    }
  }
}

export function initProducerIdHandler({ producerIds }: Services): Handler {
  return handlerOf(initProducerId, async (request) => {
    // Transactions are not advertised; a client that begins one all the same learns so at its first step.
    if (request.transactionalId !== null) return { errorCode: ERROR.INVALID_REQUEST, producerId: -1, producerEpoch: -1 }
    return { errorCode: ERROR.NONE, producerId: await producerIds.next(), producerEpoch: 0 }
  })
}
