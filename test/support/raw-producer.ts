import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import {
  createPartitions,
  createTopics,
  decodeResponse,
  encodeRequest,
  produce,
  RecordBatchBuilder,
} from '@headrace/broker/protocol'
import { crc32c } from '@node-rs/crc32'

const CLIENT = 'headrace-test'
const BATCH_BYTES = 256 * 1024
const TOPIC_ALREADY_EXISTS = 36
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER: what a partition answers while it is new. */
const NEW_PARTITION = new Set([3, 5, 6])
const NEW_PARTITION_PATIENCE_MS = 30_000

/** A producer that builds batches without an object per record, over one connection, acks = 1. For loading test data quickly. */
export class RawProducer {
  readonly #socket: Socket
  readonly #topic: string
  readonly #batches: RecordBatchBuilder[]
  readonly #waiting = new Map<number, (message: Buffer) => void>()
  #received: Buffer = Buffer.alloc(0)
  #correlation = 0
  readonly #inFlight = new Set<Promise<void>>()
  /** Partitions that have taken a batch. */
  readonly #begun = new Set<number>()
  #failure: Error | undefined

  private constructor(socket: Socket, topic: string, partitions: number) {
    this.#socket = socket
    this.#topic = topic
    this.#batches = Array.from({ length: partitions }, () => new RecordBatchBuilder(BATCH_BYTES + 64 * 1024))
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', () => this.#waiting.clear())
  }

  /** Connects, and makes the topic with so many partitions, if there is none. */
  static async open(address: string, topic: string, partitions: number): Promise<RawProducer> {
    const [host = '127.0.0.1', port] = address.split(':')
    const socket = connect(Number(port), host)
    socket.setNoDelay(true)
    await once(socket, 'connect')
    const producer = new RawProducer(socket, topic, partitions)
    const answer = await producer.#request((correlationId) =>
      encodeRequest(
        createTopics,
        5,
        { correlationId, clientId: CLIENT },
        {
          topics: [{ name: topic, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }],
          timeoutMs: 10_000,
          validateOnly: false,
        },
      ),
    )
    const { body } = decodeResponse(createTopics, 5, answer)
    const errorCode = body.topics[0]?.errorCode ?? 0
    if (errorCode !== 0 && errorCode !== TOPIC_ALREADY_EXISTS) {
      throw new Error(`creating topic ${topic} failed with error ${errorCode}`)
    }
    return producer
  }

  /** Gives the topic more partitions: so many in all. */
  async addPartitions(count: number): Promise<void> {
    const answer = await this.#request((correlationId) =>
      encodeRequest(
        createPartitions,
        1,
        { correlationId, clientId: CLIENT },
        { topics: [{ name: this.#topic, count, assignments: null }], timeoutMs: 10_000, validateOnly: false },
      ),
    )
    const { body } = decodeResponse(createPartitions, 1, answer)
    const errorCode = body.results[0]?.errorCode ?? 0
    if (errorCode !== 0) throw new Error(`adding partitions to ${this.#topic} failed with error ${errorCode}`)
    while (this.#batches.length < count) this.#batches.push(new RecordBatchBuilder(BATCH_BYTES + 64 * 1024))
  }

  /** Adds a record; a promise to wait for where there is no room for more at once. */
  append(
    partition: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp: number,
  ): Promise<void> | undefined {
    const batch = this.#batches[partition] as RecordBatchBuilder
    batch.append(key, value, timestamp)
    return batch.sizeBytes >= BATCH_BYTES ? this.#send(partition) : undefined
  }

  /** Sends what is left and waits for every acknowledgement. */
  async flush(): Promise<void> {
    for (const [partition, batch] of this.#batches.entries()) if (batch.count > 0) await this.#send(partition)
    await Promise.all(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure
  }

  close(): void {
    this.#socket.destroy()
  }

  async #send(partition: number): Promise<void> {
    const batch = this.#batches[partition] as RecordBatchBuilder
    const records = Buffer.from(batch.seal({ crc32c }))
    batch.reset()
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#begun.has(partition)) return await this.#begin(partition, records)
    const sent = this.#produce(partition, records)
      .then((errorCode) => this.#assertTaken(partition, errorCode))
      .catch((error: Error) => {
        this.#failure ??= error
      })
      .finally(() => this.#inFlight.delete(sent))
    this.#inFlight.add(sent)
    if (this.#inFlight.size >= 8) await Promise.race(this.#inFlight)
  }

  /** The first batch of a partition, alone: so that what is asked again cannot come behind what was sent after it. */
  async #begin(partition: number, records: Buffer): Promise<void> {
    const deadline = Date.now() + NEW_PARTITION_PATIENCE_MS
    let errorCode = await this.#produce(partition, records)
    while (NEW_PARTITION.has(errorCode) && Date.now() < deadline) {
      await setTimeout(20)
      errorCode = await this.#produce(partition, records)
    }
    this.#assertTaken(partition, errorCode)
    this.#begun.add(partition)
  }

  #assertTaken(partition: number, errorCode: number): void {
    if (errorCode !== 0) throw new Error(`producing to ${this.#topic}/${partition} failed with error ${errorCode}`)
  }

  async #produce(index: number, records: Buffer): Promise<number> {
    const topicData = [{ name: this.#topic, partitionData: [{ index, records }] }]
    const message = await this.#request((correlationId) =>
      encodeRequest(produce, 9, { correlationId, clientId: CLIENT }, { acks: 1, timeoutMs: 30_000, topicData }),
    )
    const { body } = decodeResponse(produce, 9, message)
    return body.responses[0]?.partitionResponses[0]?.errorCode ?? 0
  }

  #request(encode: (correlationId: number) => Buffer[]): Promise<Buffer> {
    const correlationId = ++this.#correlation
    return new Promise((resolve) => {
      this.#waiting.set(correlationId, resolve)
      for (const chunk of encode(correlationId)) this.#socket.write(chunk)
    })
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0)
      if (this.#received.length < end) return
      const message = this.#received.subarray(4, end)
      this.#received = this.#received.subarray(end)
      const correlationId = message.readInt32BE(0)
      this.#waiting.get(correlationId)?.(message)
      this.#waiting.delete(correlationId)
    }
  }
}
