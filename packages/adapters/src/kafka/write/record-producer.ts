import { setTimeout } from 'node:timers/promises'
import { type Codec, compress, produce, RecordBatchBuilder, type RecordParts } from '@headrace/broker/protocol'
import { crc32c } from '@node-rs/crc32'
import type { KafkaClient } from '../client/client.ts'
import type { TopicLayout } from '../client/layout.ts'
import { DUPLICATE_SEQUENCE_NUMBER, LEADER_NOT_AVAILABLE, ProtocolError } from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { partitionOfKey } from './partitioner.ts'

/** Wait for every in-sync replica. */
const ACKS_ALL = -1
/** How long the broker may wait for them, in ms. */
const TIMEOUT_MS = 20_000
/** A batch stays below what brokers take from the start (1 MiB), and all together below this. */
const BATCH_BYTES = { least: 16 * 1024, most: 768 * 1024, all: 24 * 1024 * 1024 }
/** A request is sent once it holds so much. */
const REQUEST_BYTES = 768 * 1024
/** The same bytes again, which idempotence makes harmless: so often, waiting longer each time. */
const ATTEMPTS = 6
const FIRST_WAIT_MS = 50

const SEQUENCES = 2 ** 31

/** As `InitProducerId` gave it out. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface ProducerOptions {
  readonly client: KafkaClient
  readonly identity: ProducerIdentity
  readonly codec: Codec
  /** Set where batches belong to transactions. */
  readonly transactionalId?: string
  /** Before the first batch of a request: the partitions that it has batches for. */
  readonly beforeSend?: (partitions: readonly PartitionPlace[]) => Promise<void>
}

interface PartitionPlace {
  readonly topic: string
  readonly index: number
}

interface PartitionWriter extends PartitionPlace {
  builder: RecordBatchBuilder
  /** Undefined while the partition has none. */
  leader: BrokerAddress | undefined
  sequence: number
}

interface SealedBatch {
  readonly writer: PartitionWriter
  readonly records: Buffer
  /** What the records lie in: not to be written over before they are acknowledged. */
  readonly builder?: RecordBatchBuilder
}

/** Records of one topic, by partition. */
interface TopicWriter {
  readonly partitions: readonly PartitionWriter[]
  /** Where records without a key go, until that batch is full. */
  sticky: number
}

/**
 * An idempotent producer that builds record batches in place: no object per record. One request is on its way while the
 * next is being put together. Once a call has failed, what follows is undefined until `restart`.
 */
export class RecordProducer {
  readonly #options: ProducerOptions
  #identity: ProducerIdentity
  readonly #topics = new Map<string, TopicWriter>()
  #batchBytes = BATCH_BYTES.most
  /** For batches to come: builders whose batches were acknowledged. */
  #spare: RecordBatchBuilder[] = []
  #sealed: SealedBatch[] = []
  #sealedBytes = 0
  #inFlight: Promise<void> = Promise.resolve()

  constructor(options: ProducerOptions) {
    this.#options = options
    this.#identity = options.identity
  }

  knows(topic: string): boolean {
    return this.#topics.has(topic)
  }

  addTopic({ topic, partitions }: TopicLayout): void {
    const writers = partitions.map(({ index, leader }) => {
      return { topic, index, leader, builder: new RecordBatchBuilder(BATCH_BYTES.least), sequence: 0 }
    })
    this.#topics.set(topic, { partitions: writers, sticky: Math.floor(Math.random() * writers.length) })
    const count = [...this.#topics.values()].reduce((sum, one) => sum + one.partitions.length, 0)
    this.#batchBytes = Math.max(BATCH_BYTES.least, Math.min(BATCH_BYTES.most, Math.floor(BATCH_BYTES.all / count)))
  }

  partitionCount(topic: string): number {
    return this.#topics.get(topic)?.partitions.length ?? 0
  }

  /** Adds a record to a known topic; a promise where the caller is to wait before the next one. */
  append(
    topic: string,
    partition: number | undefined,
    record: RecordParts,
    timestamp: number,
  ): Promise<void> | undefined {
    const writers = this.#topics.get(topic) as TopicWriter
    const { partitions } = writers
    const index = partition ?? this.#partitionOf(record, writers)
    const writer = partitions[index] as PartitionWriter
    writer.builder.appendRecord(record, timestamp)
    if (writer.builder.sizeBytes < this.#batchBytes) return undefined
    if (index === writers.sticky) writers.sticky = (index + 1) % partitions.length
    return this.#seal(writer)
  }

  #partitionOf({ keySource, keyStart, keyEnd }: RecordParts, { partitions, sticky }: TopicWriter): number {
    return keySource === null ? sticky : partitionOfKey(keySource, partitions.length, keyStart, keyEnd)
  }

  /** Sends what is left and waits until all of it is acknowledged. */
  async flush(): Promise<void> {
    for (const { partitions } of this.#topics.values()) {
      for (const writer of partitions) if (writer.builder.count > 0) await this.#seal(writer)
    }
    await this.#dispatch()
    await this.#inFlight
  }

  /** Resolves when nothing is under way any more, whatever became of it. */
  async settled(): Promise<void> {
    await this.#inFlight.catch(() => undefined)
  }

  /** Forgets what was not sent. To be called when all is settled. */
  restart(identity: ProducerIdentity): void {
    this.#identity = identity
    this.#sealed = []
    this.#sealedBytes = 0
    this.#inFlight = Promise.resolve()
    for (const writer of [...this.#topics.values()].flatMap(({ partitions }) => partitions)) {
      writer.builder.reset()
      writer.sequence = 0
    }
  }

  /** A request may have one batch for each partition only. */
  async #seal(writer: PartitionWriter): Promise<void> {
    if (this.#sealed.some((batch) => batch.writer === writer)) await this.#dispatch()
    const { codec, transactionalId } = this.#options
    const { builder } = writer
    const records = builder.seal({
      crc32c,
      codec,
      ...(codec !== 'none' && { compress: (records: Buffer) => compress(codec, records) }),
      ...this.#identity,
      baseSequence: writer.sequence,
      isTransactional: transactionalId !== undefined,
    })
    writer.sequence = (writer.sequence + builder.count) % SEQUENCES
    if (codec === 'none') {
      this.#sealed.push({ writer, records, builder })
      writer.builder = this.#spare.pop() ?? new RecordBatchBuilder(BATCH_BYTES.least)
    } else {
      this.#sealed.push({ writer, records })
      builder.reset()
    }
    this.#sealedBytes += records.length
    if (this.#sealedBytes >= REQUEST_BYTES) await this.#dispatch()
  }

  /** Sends the sealed batches once those before are acknowledged, and does not wait for them. */
  async #dispatch(): Promise<void> {
    if (this.#sealed.length === 0) return
    const batches = this.#sealed
    this.#sealed = []
    this.#sealedBytes = 0
    await this.#inFlight
    this.#inFlight = this.#send(batches)
    // Told by whoever waits for it next.
    this.#inFlight.catch(() => undefined)
  }

  async #send(batches: readonly SealedBatch[]): Promise<void> {
    await this.#options.beforeSend?.(batches.map(({ writer }) => writer))
    let waiting = batches
    for (let attempt = 1; ; attempt++) {
      const byLeader = Map.groupBy(waiting, ({ writer: { leader } }) => leader && `${leader.host}:${leader.port}`)
      const outcomes = await Promise.all([...byLeader.values()].map((some) => this.#request(some)))
      const failed = outcomes.flat()
      if (failed.length === 0) return this.#keepBuilders(batches)
      const fatal = failed.find(({ error }) => error instanceof ProtocolError && !error.canRetry)
      if (fatal !== undefined || attempt === ATTEMPTS) throw (fatal ?? failed[0])?.error
      await setTimeout(FIRST_WAIT_MS * 2 ** (attempt - 1))
      waiting = failed.map(({ batch }) => batch)
      await this.#findLeaders(waiting)
    }
  }

  #keepBuilders(batches: readonly SealedBatch[]): void {
    for (const { builder } of batches) {
      if (builder === undefined) continue
      builder.reset()
      this.#spare.push(builder)
    }
  }

  /** Those of the batches that one leader did not take. */
  async #request(batches: readonly SealedBatch[]): Promise<{ batch: SealedBatch; error: unknown }[]> {
    const { client, transactionalId = null } = this.#options
    const byTopic = Map.groupBy(batches, ({ writer }) => writer.topic)
    const topicData = [...byTopic].map(([name, some]) => ({
      name,
      partitionData: some.map(({ writer, records }) => ({ index: writer.index, records })),
    }))
    try {
      const leader = batches[0]?.writer.leader
      if (leader === undefined) throw new ProtocolError(LEADER_NOT_AVAILABLE)
      const body = { transactionalId, acks: ACKS_ALL, timeoutMs: TIMEOUT_MS, topicData }
      const answer = await client.request(leader, produce, body)
      return batches.flatMap((batch) => {
        const { topic, index } = batch.writer
        const own = answer.responses.find(({ name }) => name === topic)?.partitionResponses
        const errorCode = own?.find((one) => one.index === index)?.errorCode ?? -1
        // An attempt before, whose answer was lost, did it.
        if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) return []
        return [{ batch, error: new ProtocolError(errorCode) }]
      })
    } catch (error) {
      return batches.map((batch) => ({ batch, error }))
    }
  }

  async #findLeaders(batches: readonly SealedBatch[]): Promise<void> {
    const topics = [...new Set(batches.map(({ writer }) => writer.topic))]
    // A broker that does not answer yet is asked again with the next attempt.
    const layouts = await this.#options.client.describeTopics(topics).catch(() => new Map<string, TopicLayout>())
    for (const { writer } of batches) {
      const found = layouts.get(writer.topic)?.partitions.find(({ index }) => index === writer.index)
      if (found !== undefined) writer.leader = found.leader
    }
  }
}
