import { setTimeout as delay } from 'node:timers/promises'
import {
  assertNoError,
  type BrokerConnection,
  ProtocolError,
  partitionOfKey,
  ResponseBufferPool,
} from '@headrace/adapters/kafka'
import { type Codec, initProducerId, produce, type RecordHeader } from '@headrace/broker/protocol'
import { HeadraceError, isProgrammingError } from '@headrace/core/errors'
import { topicConfigs } from '../admin/configs.ts'
import type { KafkaCluster } from '../cluster.ts'
import { PartitionUnknownError, RecordTooLargeError } from '../errors.ts'
import { PartitionBatches, type ProducerIdentity, type SealedBatch } from './partition-batches.ts'

/** Well below the megabyte that topics take by default; of a topic that takes less, a share of that. */
const BATCH_BYTES = 512 * 1024
const SHARE_OF_LIMIT = 0.8

/** Of one request, and of all batches that wait or are under way: beyond, the input waits. */
const REQUEST_BYTES = 4 * 1024 * 1024
const OUTSTANDING_BYTES = 16 * 1024 * 1024

/** A batch that is not full waits so long (ms) for more records. */
const LINGER_MS = 10

/** How long a broker may take to acknowledge, and how long trouble that may pass is put up with (ms). */
const TIMEOUT_MS = 30_000
const PATIENCE_MS = 60_000
const AGAIN_MS = 200

const MESSAGE_TOO_LARGE: readonly number[] = [10, 18]
/** The broker has the batch from an attempt whose answer was lost. */
const DUPLICATE_SEQUENCE_NUMBER = 46

export const ACKS = { none: 0, leader: 1, all: -1 } as const

export interface WriterOptions {
  readonly topic: string
  /** A value of `ACKS`. With all of them, a batch that has to be sent again is still written once. */
  readonly acks: number
  readonly codec: Codec
  /** For all records; else by the key, as Kafka's own clients do it, and without a key from batch to batch. */
  readonly partition?: number | undefined
  readonly headers: readonly RecordHeader[]
}

/** Writes records to one topic in large batches, one request at a time to each leader. */
export class TopicWriter {
  readonly #cluster: KafkaCluster
  readonly #options: WriterOptions
  readonly #batches: PartitionBatches
  readonly #pool = new ResponseBufferPool(0)
  readonly #connections = new Map<number, Promise<BrokerConnection>>()
  readonly #busy = new Set<number>()
  readonly #linger: NodeJS.Timeout
  #leaders: readonly number[]
  #waiting: SealedBatch[] = []
  #outstanding = 0
  #wake: (() => void)[] = []
  #sticky: number
  #troubleSince: number | undefined
  #failure: Error | undefined
  /** Records that are acknowledged, and their bytes as sent. */
  readonly sent = { records: 0, bytes: 0 }

  private constructor(
    cluster: KafkaCluster,
    options: WriterOptions,
    leaders: readonly number[],
    batches: PartitionBatches,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#leaders = leaders
    this.#batches = batches
    this.#sticky = Math.floor(Math.random() * leaders.length)
    this.#linger = setInterval(() => this.#sealWhereIdle(), LINGER_MS)
  }

  /** Throws TOPIC_UNKNOWN, PARTITION_UNKNOWN. */
  static async open(cluster: KafkaCluster, options: WriterOptions): Promise<TopicWriter> {
    const { topic, partition, acks, codec } = options
    const { partitions } = await cluster.topic(topic)
    if (partition !== undefined && partition >= partitions.length) {
      throw new PartitionUnknownError({ topic, partition, count: partitions.length })
    }
    const identity = acks === ACKS.all ? await producerIdentity(cluster) : undefined
    const batches = new PartitionBatches(await batchBytes(cluster, topic), { codec, identity })
    const leaders = partitions.map(({ leaderId }) => leaderId)
    return new TopicWriter(cluster, options, leaders, batches)
  }

  /** Adds a record; its bytes are copied. `timestamp` is in ms. */
  append(key: Buffer | null, value: Buffer | null, timestamp: number): void {
    const partition =
      this.#options.partition ?? (key === null ? this.#sticky : partitionOfKey(key, this.#leaders.length))
    const full = this.#batches.append(partition, key, value, timestamp, this.#options.headers)
    if (full !== undefined) this.#enqueue(full)
  }

  /** The same without a key, for a value that is a part of a buffer. */
  appendPart(bytes: Buffer, start: number, end: number, timestamp: number): void {
    const { partition = this.#sticky, headers } = this.#options
    if (headers.length > 0) {
      this.append(null, bytes.subarray(start, end), timestamp)
      return
    }
    const full = this.#batches.appendPart(partition, bytes, start, end, timestamp)
    if (full !== undefined) this.#enqueue(full)
  }

  /** Resolves when more may be added. Throws what keeps records from being sent. */
  async room(): Promise<void> {
    while (this.#outstanding > OUTSTANDING_BYTES && this.#failure === undefined) await this.#change()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Resolves when everything has been acknowledged. */
  async flush(): Promise<void> {
    for (const partition of this.#batches.unsealed) this.#seal(partition)
    while (this.#outstanding > 0 && this.#failure === undefined) await this.#change()
    if (this.#failure !== undefined) throw this.#failure
  }

  close(): void {
    clearInterval(this.#linger)
    this.#failure ??= new Error('the writer was closed')
    for (const opening of this.#connections.values()) {
      opening.then(
        (connection) => connection.close(),
        () => undefined,
      )
    }
  }

  #sealWhereIdle(): void {
    for (const partition of this.#batches.unsealed) {
      if (!this.#busy.has(this.#leaders[partition] ?? -1)) this.#seal(partition)
    }
  }

  #seal(partition: number): void {
    const batch = this.#batches.seal(partition)
    if (batch !== undefined) this.#enqueue(batch)
  }

  #enqueue(batch: SealedBatch): void {
    if (batch.partition === this.#sticky) this.#sticky = (this.#sticky + 1) % this.#leaders.length
    this.#outstanding += batch.bytes.length
    this.#waiting.push(batch)
    this.#pump()
  }

  /** Gives every leader that has nothing to do the batches that wait for it. */
  #pump(): void {
    if (this.#failure !== undefined) return
    const leaders = new Set(this.#waiting.map(({ partition }) => this.#leaders[partition] ?? -1))
    for (const leader of leaders) {
      if (this.#busy.has(leader)) continue
      this.#busy.add(leader)
      void this.#deliver(leader, this.#take(leader))
    }
  }

  /** The first batches of a leader's partitions, one of each: their order within a partition must stay. */
  #take(leader: number): SealedBatch[] {
    const taken = new Map<number, SealedBatch>()
    let bytes = 0
    for (const batch of this.#waiting) {
      if (this.#leaders[batch.partition] !== leader || taken.has(batch.partition)) continue
      if (taken.size > 0 && bytes + batch.bytes.length > REQUEST_BYTES) break
      taken.set(batch.partition, batch)
      bytes += batch.bytes.length
    }
    const chosen = new Set(taken.values())
    this.#waiting = this.#waiting.filter((batch) => !chosen.has(batch))
    return [...chosen]
  }

  async #deliver(leader: number, batches: SealedBatch[]): Promise<void> {
    try {
      const left = await this.#send(leader, batches)
      if (left.length > 0) await this.#tryLater(left, new ProtocolError(NOT_LEADER))
      else this.#troubleSince = undefined
    } catch (error) {
      this.#connections.delete(leader)
      await this.#tryLater(batches, error)
    }
    this.#busy.delete(leader)
    this.#changed()
    this.#pump()
  }

  /** Sends batches and gives those that may be taken another time. Throws what will never be. */
  async #send(leader: number, batches: readonly SealedBatch[]): Promise<SealedBatch[]> {
    const { topic, acks } = this.#options
    const connection = await this.#connection(leader)
    const partitionData = batches.map(({ partition, bytes }) => ({ index: partition, records: bytes }))
    const body = { acks, timeoutMs: TIMEOUT_MS, topicData: [{ name: topic, partitionData }] }
    if (acks === ACKS.none) {
      await connection.post(produce, this.#cluster.version(produce), body)
      for (const batch of batches) this.#acknowledged(batch)
      return []
    }
    const answer = await connection.request(produce, this.#cluster.version(produce), body)
    const codes = new Map(
      answer.responses.flatMap((one) => one.partitionResponses).map(({ index, errorCode }) => [index, errorCode]),
    )
    return batches.filter((batch) => !this.#settle(batch, codes.get(batch.partition) ?? -1))
  }

  /** Whether a batch is done with; false where it may be taken another time. */
  #settle(batch: SealedBatch, errorCode: number): boolean {
    if (errorCode !== 0 && errorCode !== DUPLICATE_SEQUENCE_NUMBER) {
      const error = new ProtocolError(errorCode)
      if (error.canRetry) return false
      const { topic } = this.#options
      this.#failure ??= MESSAGE_TOO_LARGE.includes(errorCode)
        ? new RecordTooLargeError({ topic, bytes: batch.bytes.length })
        : this.#cluster.translate(error, `write to topic "${topic}"`)
      return true
    }
    this.#acknowledged(batch)
    return true
  }

  #acknowledged(batch: SealedBatch): void {
    this.sent.records += batch.records
    this.sent.bytes += batch.bytes.length
    this.#outstanding -= batch.bytes.length
    batch.release()
  }

  async #tryLater(batches: readonly SealedBatch[], error: unknown): Promise<void> {
    this.#waiting = [...batches, ...this.#waiting]
    this.#troubleSince ??= performance.now()
    const isFinal = isProgrammingError(error) || (error instanceof HeadraceError && error.retry === 'never')
    if (isFinal || performance.now() - this.#troubleSince > PATIENCE_MS) {
      this.#failure ??= this.#cluster.translate(error, `write to topic "${this.#options.topic}"`)
      return
    }
    await delay(AGAIN_MS)
    try {
      const { partitions } = await this.#cluster.topic(this.#options.topic)
      this.#leaders = partitions.map(({ leaderId }) => leaderId).slice(0, this.#leaders.length)
    } catch (cause) {
      // The next attempt goes to the leaders known so far, and fails as this did until patience is over.
      if (cause instanceof HeadraceError && cause.retry === 'never') this.#failure ??= cause
    }
  }

  #connection(leader: number): Promise<BrokerConnection> {
    const known = this.#connections.get(leader)
    if (known !== undefined) return known
    const opening = this.#cluster.dial(leader, this.#pool)
    this.#connections.set(leader, opening)
    return opening
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #changed(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const resolve of waiting) resolve()
  }
}

const NOT_LEADER = 6

/** An identity that keeps batches from being written twice; undefined from brokers that give none. */
async function producerIdentity(cluster: KafkaCluster): Promise<ProducerIdentity | undefined> {
  if (!cluster.supports(initProducerId)) return undefined
  const body = { transactionalId: null, transactionTimeoutMs: TIMEOUT_MS }
  const answer = await cluster.request(initProducerId, body, 'any', 'get an id for a producer', ({ errorCode }) =>
    assertNoError(errorCode),
  )
  return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
}

async function batchBytes(cluster: KafkaCluster, topic: string): Promise<number> {
  const configs = await topicConfigs(cluster, topic).catch((error: unknown) => {
    // Whoever may write need not be allowed to see the configs: then the usual limit is assumed.
    if (error instanceof HeadraceError) return []
    throw error
  })
  const limit = Number(configs.find(({ name }) => name === 'max.message.bytes')?.value ?? Number.NaN)
  return limit > 0 ? Math.min(BATCH_BYTES, limit * SHARE_OF_LIMIT) : BATCH_BYTES
}
