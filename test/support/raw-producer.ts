import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
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

/** A producer that builds batches without an object per record, over one connection, acks = 1. For loading test data quickly. */
export class RawProducer {
  readonly #socket: Socket
  readonly #topic: string
  readonly #batches: RecordBatchBuilder[]
  readonly #waiting = new Map<number, (message: Buffer) => void>()
  #received: Buffer = Buffer.alloc(0)
  #correlation = 0
  #inFlight = new Set<Promise<void>>()

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
  }

  close(): void {
    this.#socket.destroy()
  }

  async #send(partition: number): Promise<void> {
    const batch = this.#batches[partition] as RecordBatchBuilder
    const records = Buffer.from(batch.seal({ crc32c }))
    batch.reset()
    const sent = this.#request((correlationId) =>
      encodeRequest(
        produce,
        9,
        { correlationId, clientId: CLIENT },
        {
          acks: 1,
          timeoutMs: 30_000,
          topicData: [{ name: this.#topic, partitionData: [{ index: partition, records }] }],
        },
      ),
    ).then((message) => {
      const { body } = decodeResponse(produce, 9, message)
      const errorCode = body.responses[0]?.partitionResponses[0]?.errorCode ?? 0
      if (errorCode !== 0) throw new Error(`producing to ${this.#topic}/${partition} failed with error ${errorCode}`)
    })
    this.#inFlight.add(sent)
    void sent.finally(() => this.#inFlight.delete(sent)).catch(() => undefined)
    if (this.#inFlight.size >= 8) await Promise.race(this.#inFlight)
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
