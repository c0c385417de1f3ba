import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import {
  describeTransactions,
  ERROR,
  fetch,
  listOffsets,
  metadata,
  offsetFetch,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { RawClient } from '../raw-client.ts'
import { TestProducer } from './test-producer.ts'

export const READ_UNCOMMITTED = 0
export const READ_COMMITTED = 1

/** A broker for all tests of a file; for each of them a connection, a topic of two partitions and a transactional id. */
export class TransactionScene {
  readonly #faults: unknown[] = []
  #dataDir = ''
  #serial = 0
  broker!: Broker
  client!: RawClient
  topic = ''
  id = ''

  /** To be called outside of the tests. */
  static open(): TransactionScene {
    const scene = new TransactionScene()
    beforeAll(async () => {
      scene.#dataDir = await mkdtemp(path.join(tmpdir(), 'broker-transactions-'))
      await scene.#start()
    })
    beforeEach(() => scene.#renew())
    afterEach(() => scene.client.close())
    afterAll(async () => {
      await scene.broker.close()
      await rm(scene.#dataDir, { recursive: true })
      expect(scene.#faults).toEqual([])
    })
    return scene
  }

  get group(): string {
    return `group-${this.#serial}`
  }

  async restart(): Promise<void> {
    this.client.close()
    await this.broker.close()
    await this.#start()
    this.client = await RawClient.connect(this.broker.address)
  }

  /** One that knows nothing yet. */
  stranger(): TestProducer {
    return new TestProducer(this)
  }

  async producer(timeoutMs?: number): Promise<TestProducer> {
    const made = this.stranger()
    expect(await made.init(5, timeoutMs)).toBe(ERROR.NONE)
    return made
  }

  async readWith(isolationLevel: number, fetchOffset = 0, maxWaitMs = 0) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
    const request = { maxWaitMs, minBytes: 1, isolationLevel, topics: [{ topic: this.topic, partitions }] }
    const answer = await this.client.ask(fetch, 12, request)
    const partition = answer.responses[0]?.partitions[0]
    if (partition === undefined) throw new Error('no partition was answered')
    return partition
  }

  async endOffset(isolationLevel: number): Promise<number | undefined> {
    const topics = [{ name: this.topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
    return (await this.client.ask(listOffsets, 9, { isolationLevel, topics })).topics[0]?.partitions[0]?.offset
  }

  async committedOffset(groupId: string, requireStable = false) {
    const topics = [{ name: this.topic, partitionIndexes: [0] }]
    const request = { topics: [], groups: [{ groupId, topics }], requireStable }
    const { groups } = await this.client.ask(offsetFetch, 9, request)
    const partition = groups[0]?.topics[0]?.partitions[0]
    return requireStable ? partition?.errorCode : partition?.committedOffset
  }

  async stateOf(transactionalId = this.id) {
    const request = { transactionalIds: [transactionalId] }
    const { transactionStates } = await this.client.ask(describeTransactions, 0, request)
    return transactionStates[0]
  }

  async #renew(): Promise<void> {
    this.#serial++
    this.topic = `topic-${this.#serial}`
    this.id = `id-${this.#serial}`
    this.client = await RawClient.connect(this.broker.address)
    await this.client.ask(metadata, 12, { topics: [{ name: this.topic, topicId: ZERO_UUID }] })
  }

  async #start(): Promise<void> {
    this.broker = await Broker.start({
      dataDir: this.#dataDir,
      config: { 'num.partitions': '2' },
      onError: (error) => this.#faults.push(error),
    })
  }
}
