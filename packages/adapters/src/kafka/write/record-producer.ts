import {
  BATCH_HEADER_BYTES,
  BatchHeader,
  type Codec,
  compress,
  RecordBatchBuilder,
  type RecordParts,
  recordBytesAtMost,
} from '@headrace/broker/protocol'
import { crc32c } from '@node-rs/crc32'
import type { PartitionPlace, TopicLayout } from '../client/layout.ts'
import { BatchSender, type LedPartition, type Sendable, type SenderOptions } from './batch-sender.ts'
import { partitionOfKey } from './partitioner.ts'
import { RecordTooLargeError, SizeLimit } from './size-limit.ts'
import { splitBatch } from './split-batch.ts'

/** A batch of several records stays below what brokers take from the start (1 MiB), and all together below this. */
const BATCH_BYTES = { least: 16 * 1024, most: 768 * 1024, all: 24 * 1024 * 1024 }
/** A request is sent once it holds so much. */
const REQUEST_BYTES = 768 * 1024
/**
 * The first request of all is sent when a partition has so much, with what the others have by then: brokers are slow to take a
 * partition's first batch in a transaction, so they do it for all of them at one time, while more is put together.
 */
const FIRST_BATCH_BYTES = 64 * 1024

const SEQUENCES = 2 ** 31

/** As `InitProducerId` gave it out. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface ProducerOptions extends Omit<SenderOptions<never>, 'split'> {
  readonly identity: ProducerIdentity
  readonly codec: Codec
}

interface PartitionWriter extends LedPartition {
  builder: RecordBatchBuilder
  sequence: number
}

interface SealedBatch extends Sendable {
  readonly writer: PartitionWriter
  /** What the records lie in: not to be written over before they are acknowledged. */
  readonly builder?: RecordBatchBuilder
}

/** Records of one topic, by partition. */
interface TopicWriter {
  partitions: readonly PartitionWriter[]
  readonly limit: SizeLimit
  /** Where records without a key go, until that batch is full. */
  sticky: number
}

/**
 * An idempotent producer that builds record batches in place: no object per record. One request is on its way while the
 * next is being put together. Once a call has failed, what follows is undefined until `restart`.
 */
export class RecordProducer {
  readonly #codec: Codec
  readonly #isTransactional: boolean
  readonly #sender: BatchSender<SealedBatch>
  #identity: ProducerIdentity
  readonly #topics = new Map<string, TopicWriter>()
  #batchBytes = BATCH_BYTES.most
  /** Whether the first request since the last flush has been sent. */
  #hasBegun = false
  /** For batches to come: builders whose batches were acknowledged. */
  #spare: RecordBatchBuilder[] = []
  #sealed: SealedBatch[] = []
  #sealedBytes = 0
  #inFlight: Promise<void> = Promise.resolve()

  constructor({ identity, codec, ...options }: ProducerOptions) {
    this.#codec = codec
    this.#isTransactional = options.transactionalId !== undefined
    this.#identity = identity
    this.#sender = new BatchSender({ ...options, split: (batch) => this.#split(batch) })
  }

  knows(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** `maxBytes`: how large a batch may be there, if that is known. */
  addTopic({ topic, partitions }: TopicLayout, maxBytes: number | undefined): void {
    const sticky = Math.floor(Math.random() * partitions.length)
    this.#topics.set(topic, { partitions: partitions.map(writerOf), limit: new SizeLimit(maxBytes), sticky })
    this.#shareRoom()
  }

  /** Of a known topic, which may have more of them by now. */
  addPartitions({ topic, partitions }: TopicLayout): void {
    const writers = this.#topics.get(topic) as TopicWriter
    writers.partitions = [...writers.partitions, ...partitions.slice(writers.partitions.length).map(writerOf)]
    this.#shareRoom()
  }

  #shareRoom(): void {
    const count = [...this.#topics.values()].reduce((sum, one) => sum + one.partitions.length, 0)
    this.#batchBytes = Math.max(BATCH_BYTES.least, Math.min(BATCH_BYTES.most, Math.floor(BATCH_BYTES.all / count)))
  }

  partitionCount(topic: string): number {
    return this.#topics.get(topic)?.partitions.length ?? 0
  }

  /** Of a known topic. */
  limitOf(topic: string): SizeLimit {
    return (this.#topics.get(topic) as TopicWriter).limit
  }

  /** The bytes of a batch of this record alone, where they are more than its topic takes: as it is sent, or before it was compressed. */
  excess(topic: string, record: RecordParts): number | undefined {
    const limit = this.limitOf(topic)
    if (BATCH_HEADER_BYTES + recordBytesAtMost(record) <= limit.harmlessBytes) return undefined
    const builder = new RecordBatchBuilder()
    builder.appendRecord(record, 0)
    const { sizeBytes: plainBytes } = builder
    return limit.excess({ bytes: this.#seal(builder, 0).length, plainBytes })
  }

  /** Adds a record to a known topic; a promise where the caller is to wait before the next one. */
  append(
    topic: string,
    partition: number | undefined,
    record: RecordParts,
    timestamp: number,
  ): Promise<void> | undefined {
    const writers = this.#topics.get(topic) as TopicWriter
    const writer = writers.partitions[partition ?? partitionOf(record, writers)] as PartitionWriter
    const { builder } = writer
    const most = Math.min(writers.limit.harmlessBytes, writers.limit.batchBytes)
    if (builder.count > 0 && builder.sizeBytes + recordBytesAtMost(record) > most) {
      return this.#appendToNext(writers, writer, record, timestamp)
    }
    return this.#append(writers, writer, record, timestamp)
  }

  /** Where the batch would be too large with the record. */
  async #appendToNext(
    writers: TopicWriter,
    writer: PartitionWriter,
    record: RecordParts,
    timestamp: number,
  ): Promise<void> {
    await this.#finish(writers, writer)
    await this.#append(writers, writer, record, timestamp)
  }

  #append(
    writers: TopicWriter,
    writer: PartitionWriter,
    record: RecordParts,
    timestamp: number,
  ): Promise<void> | undefined {
    const { builder } = writer
    builder.appendRecord(record, timestamp)
    if (!this.#hasBegun && builder.sizeBytes >= FIRST_BATCH_BYTES) return this.#begin()
    if (builder.sizeBytes < Math.min(this.#batchBytes, writers.limit.batchBytes)) return undefined
    return this.#finish(writers, writer)
  }

  async #begin(): Promise<void> {
    this.#hasBegun = true
    await this.#finishAll()
    await this.#dispatch()
  }

  /** Sends what is left and waits until all of it is acknowledged. */
  async flush(): Promise<void> {
    await this.#finishAll()
    await this.#dispatch()
    await this.#inFlight
    this.#hasBegun = false
  }

  /** Resolves when nothing is under way any more, whatever became of it. */
  async settled(): Promise<void> {
    await this.#inFlight.catch(() => undefined)
  }

  /** Forgets what was not sent. To be called when all is settled. */
  restart(identity: ProducerIdentity): void {
    this.#identity = identity
    this.#hasBegun = false
    this.#sealed = []
    this.#sealedBytes = 0
    this.#inFlight = Promise.resolve()
    for (const writer of [...this.#topics.values()].flatMap(({ partitions }) => partitions)) {
      writer.builder.reset()
      writer.sequence = 0
    }
  }

  async #finishAll(): Promise<void> {
    for (const writers of this.#topics.values()) {
      for (const writer of writers.partitions) if (writer.builder.count > 0) await this.#finish(writers, writer)
    }
  }

  /** Ends the partition's batch. A request may have one batch for each partition only. */
  async #finish(writers: TopicWriter, writer: PartitionWriter): Promise<void> {
    if (this.#sealed.some((batch) => batch.writer === writer)) await this.#dispatch()
    if (writers.partitions[writers.sticky] === writer) writers.sticky = (writers.sticky + 1) % writers.partitions.length
    const { builder } = writer
    const records = this.#seal(builder, writer.sequence)
    writer.sequence = (writer.sequence + builder.count) % SEQUENCES
    if (this.#codec === 'none') {
      this.#sealed.push({ writer, records, builder })
      writer.builder = this.#spare.pop() ?? new RecordBatchBuilder(BATCH_BYTES.least)
    } else {
      this.#sealed.push({ writer, records })
      builder.reset()
    }
    this.#sealedBytes += records.length
    if (this.#sealedBytes >= REQUEST_BYTES) await this.#dispatch()
  }

  #seal(builder: RecordBatchBuilder, baseSequence: number): Buffer {
    const codec = this.#codec
    return builder.seal({
      crc32c,
      codec,
      ...(codec !== 'none' && { compress: (records: Buffer) => compress(codec, records) }),
      ...this.#identity,
      baseSequence,
      isTransactional: this.#isTransactional,
    })
  }

  /** Two batches instead of one that is too large. Throws RecordTooLargeError where it has one record only. */
  #split({ writer, records }: SealedBatch): SealedBatch[] {
    const { topic } = writer
    const { baseSequence, recordsCount } = new BatchHeader().at(records, 0)
    const [first, second] = splitBatch(records)
    const plainBytes = first.sizeBytes + second.sizeBytes - BATCH_HEADER_BYTES
    if (recordsCount === 1) throw new RecordTooLargeError(topic, { bytes: records.length, plainBytes })
    this.limitOf(topic).refusedTogether(plainBytes)
    return [
      { writer, records: this.#seal(first, baseSequence) },
      { writer, records: this.#seal(second, (baseSequence + first.count) % SEQUENCES) },
    ]
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
    await this.#sender.send(batches)
    for (const { builder } of batches) {
      if (builder === undefined) continue
      builder.reset()
      this.#spare.push(builder)
    }
  }
}

function writerOf({ topic, index, leader }: PartitionPlace): PartitionWriter {
  return { topic, index, leader, builder: new RecordBatchBuilder(BATCH_BYTES.least), sequence: 0 }
}

function partitionOf({ keySource, keyStart, keyEnd }: RecordParts, { partitions, sticky }: TopicWriter): number {
  return keySource === null ? sticky : partitionOfKey(keySource, partitions.length, keyStart, keyEnd)
}
