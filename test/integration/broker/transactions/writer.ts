import {
  type Api,
  addOffsetsToTxn,
  addPartitionsToTxn,
  ERROR,
  endTxn,
  initProducerId,
  produce,
  txnOffsetCommit,
} from '@headrace/broker/protocol'
import { batchOf } from '../batches.ts'
import { RawClient } from '../raw-client.ts'
import type { ModelTransaction, TransactionModel } from './model.ts'

/** One transactional producer. What it does can be done again as it was when the broker was killed meanwhile: nothing happens twice. */
export class Writer {
  readonly #id: string
  readonly #topic: string
  readonly #model: TransactionModel
  readonly #sequences = new Map<number, number>()
  readonly #added = new Set<number>()
  #client: RawClient | undefined
  #producerId = -1
  #producerEpoch = -1
  /** What it was before it asked for its present epoch. */
  #former: { readonly producerId: number; readonly producerEpoch: number } | undefined
  transaction: ModelTransaction | undefined

  constructor(id: string, topic: string, model: TransactionModel) {
    this.#id = id
    this.#topic = topic
    this.#model = model
  }

  get group(): string {
    return `group of ${this.#id}`
  }

  async connect(address: string): Promise<void> {
    this.#client?.close()
    this.#client = await RawClient.connect(address)
  }

  close(): void {
    this.#client?.close()
  }

  /** Takes the next epoch; what was open is aborted. `resumes`: it says which epoch it has. */
  async init(resumes: boolean): Promise<void> {
    const asking = resumes && { producerId: this.#producerId, producerEpoch: this.#producerEpoch }
    const request = { transactionalId: this.#id, transactionTimeoutMs: 600_000, ...asking }
    const { errorCode, producerId, producerEpoch } = await this.#ask(initProducerId, 4, request)
    expectNone('InitProducerId', errorCode)
    if (producerId === this.#producerId && producerEpoch <= this.#producerEpoch)
      throw new Error(`epoch ${producerEpoch} was given after ${this.#producerEpoch}`)
    if (this.#producerId >= 0) this.#former = { producerId: this.#producerId, producerEpoch: this.#producerEpoch }
    this.#producerId = producerId
    this.#producerEpoch = producerEpoch
    this.#sequences.clear()
    if (this.transaction?.outcome === 'open') this.#model.end(this.transaction, 'aborted')
    this.#over()
  }

  async write(partition: number, values: readonly string[]): Promise<void> {
    const transaction = this.#begun()
    if (!this.#added.has(partition)) await this.#add(partition)
    const baseSequence = this.#sequences.get(partition) ?? 0
    const { producerId, producerEpoch } = this.#ref
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional: true })
    await this.#produce(partition, values, records, transaction)
    this.#sequences.set(partition, baseSequence + values.length)
  }

  /** Outside of any transaction. To be done once only: nobody would know the second from the first. */
  async writePlain(partition: number, values: readonly string[]): Promise<void> {
    await this.#produce(partition, values, batchOf(values), undefined)
  }

  async commitOffset(committedOffset: number): Promise<void> {
    const transaction = this.#begun()
    const { errorCode } = await this.#ask(addOffsetsToTxn, 3, { ...this.#ref, groupId: this.group })
    expectNone('AddOffsetsToTxn', errorCode)
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: null }]
    const request = { ...this.#ref, groupId: this.group, topics: [{ name: this.#topic, partitions }] }
    const answer = await this.#ask(txnOffsetCommit, 3, request)
    expectNone('TxnOffsetCommit', answer.topics[0]?.partitions[0]?.errorCode)
    transaction.offset = committedOffset
  }

  async end(committed: boolean): Promise<void> {
    if (this.transaction === undefined) return
    const { errorCode } = await this.#ask(endTxn, 3, { ...this.#ref, committed })
    expectNone('EndTxn', errorCode)
    this.#model.end(this.transaction, committed ? 'committed' : 'aborted')
    this.#over()
  }

  async #produce(
    partition: number,
    values: readonly string[],
    records: Buffer,
    transaction: ModelTransaction | undefined,
  ): Promise<void> {
    const topicData = [{ name: this.#topic, partitionData: [{ index: partition, records }] }]
    const request = { transactionalId: transaction ? this.#id : null, acks: -1, timeoutMs: 10_000, topicData }
    const answer = (await this.#ask(produce, 9, request)).responses[0]?.partitionResponses[0]
    expectNone('Produce', answer?.errorCode)
    const baseOffset = answer?.baseOffset ?? -1
    for (const [index, value] of values.entries())
      this.#model.append({ partition, offset: baseOffset + index, value, transaction })
  }

  /** Tries to go on with an epoch that is over: nothing of that may have an effect. */
  async haunt(partition: number, value: string): Promise<void> {
    if (this.#former === undefined) return
    const ref = { transactionalId: this.#id, ...this.#former }
    const records = batchOf([value], { ...this.#former, baseSequence: 0, isTransactional: true })
    const topicData = [{ name: this.#topic, partitionData: [{ index: partition, records }] }]
    const produced = await this.#ask(produce, 9, { transactionalId: this.#id, acks: -1, timeoutMs: 10_000, topicData })
    expectRefusal('Produce', produced.responses[0]?.partitionResponses[0]?.errorCode)
    const topics = [{ name: this.#topic, partitions: [partition] }]
    const added = await this.#ask(addPartitionsToTxn, 3, { ...ref, topics })
    expectRefusal('AddPartitionsToTxn', added.results[0]?.resultsByPartition[0]?.partitionErrorCode)
    expectRefusal('EndTxn', (await this.#ask(endTxn, 3, { ...ref, committed: true })).errorCode)
  }

  async #add(partition: number): Promise<void> {
    const request = { ...this.#ref, topics: [{ name: this.#topic, partitions: [partition] }] }
    const answer = await this.#ask(addPartitionsToTxn, 3, request)
    expectNone('AddPartitionsToTxn', answer.results[0]?.resultsByPartition[0]?.partitionErrorCode)
    this.#added.add(partition)
  }

  #begun(): ModelTransaction {
    this.transaction ??= this.#model.begin(this.#producerId, this.group)
    return this.transaction
  }

  #over(): void {
    this.transaction = undefined
    this.#added.clear()
  }

  get #ref() {
    return { transactionalId: this.#id, producerId: this.#producerId, producerEpoch: this.#producerEpoch }
  }

  #ask<A extends Api>(api: A, version: number, body: Parameters<RawClient['ask']>[2]) {
    if (this.#client === undefined) throw new Error(`${this.#id} is not connected`)
    return this.#client.ask<A>(api, version, body as never)
  }
}

function expectNone(what: string, errorCode: number | undefined): void {
  if (errorCode !== ERROR.NONE) throw new Error(`${what} was answered with ${errorCode}`)
}

function expectRefusal(what: string, errorCode: number | undefined): void {
  if (errorCode !== ERROR.PRODUCER_FENCED && errorCode !== ERROR.INVALID_PRODUCER_EPOCH)
    throw new Error(`${what} of a producer that is fenced was answered with ${errorCode}`)
}
