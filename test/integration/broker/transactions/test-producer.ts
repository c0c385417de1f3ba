import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  ERROR,
  endTxn,
  initProducerId,
  produce,
  txnOffsetCommit,
} from '@headrace/broker/protocol'
import { batchOf } from '../batches.ts'
import type { RawClient } from '../raw-client.ts'

/** Whom a producer talks to, and under which names. */
interface Scene {
  readonly client: RawClient
  readonly topic: string
  readonly id: string
}

/** One producer as the protocol sees it: it says what it is told to, in the version that it is told. */
export class TestProducer {
  readonly #scene: Scene
  producerId = -1
  producerEpoch = -1
  sequence = 0

  constructor(scene: Scene) {
    this.#scene = scene
  }

  async init(version = 5, transactionTimeoutMs = 60_000): Promise<number> {
    const asking = { producerId: this.producerId, producerEpoch: this.producerEpoch }
    const request = { transactionalId: this.#scene.id, transactionTimeoutMs, ...(version >= 3 && asking) }
    const answer = await this.#scene.client.ask(initProducerId, version, request)
    if (answer.errorCode === ERROR.NONE) {
      this.sequence = 0
      this.producerId = answer.producerId
      this.producerEpoch = answer.producerEpoch
    }
    return answer.errorCode
  }

  async add(partitions = [0], version = 3, name = this.#scene.topic): Promise<number | undefined> {
    const request = { ...this.#ref, topics: [{ name, partitions }] }
    const { results } = await this.#scene.client.ask(addPartitionsToTxn, version, request)
    return results[0]?.resultsByPartition[0]?.partitionErrorCode
  }

  async write(
    values: readonly string[],
    { version = 11, transactionalId = this.#scene.id as string | null } = {},
  ): Promise<number> {
    const { producerId, producerEpoch, sequence: baseSequence } = this
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional: true })
    const topicData = [{ name: this.#scene.topic, partitionData: [{ index: 0, records }] }]
    const answer = await this.#scene.client.ask(produce, version, {
      transactionalId,
      acks: -1,
      timeoutMs: 1000,
      topicData,
    })
    const errorCode = answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1
    if (errorCode === ERROR.NONE) this.sequence += values.length
    return errorCode
  }

  async end(committed: boolean, version = 3): Promise<number> {
    return (await this.#scene.client.ask(endTxn, version, { ...this.#ref, committed })).errorCode
  }

  async addGroup(groupId: string, version = 3): Promise<number> {
    return (await this.#scene.client.ask(addOffsetsToTxn, version, { ...this.#ref, groupId })).errorCode
  }

  async commitOffset(groupId: string, committedOffset: number, version = 3, member = {}): Promise<number | undefined> {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: 'm' }]
    const request = { ...this.#ref, groupId, topics: [{ name: this.#scene.topic, partitions }], ...member }
    return (await this.#scene.client.ask(txnOffsetCommit, version, request)).topics[0]?.partitions[0]?.errorCode
  }

  get #ref() {
    return { transactionalId: this.#scene.id, producerId: this.producerId, producerEpoch: this.producerEpoch }
  }
}
