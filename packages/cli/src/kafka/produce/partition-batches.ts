import { crc32c } from '@headrace/adapters/kafka'
import { type Codec, compress, RecordBatchBuilder, type RecordHeader } from '@headrace/broker/protocol'

/** Sequence numbers of a producer go round at 2^31. */
const SEQUENCE_ROUND = 2 ** 31

/** Room behind a full batch for the record that fills it, so that the buffer seldom grows. */
const SLACK_BYTES = 64 * 1024

/** Builders that are kept to be used again. */
const KEEP_BUILDERS = 32

/** Who writes: without it a batch that is sent twice is there twice. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** A batch as it goes over the wire. `release` it when the broker has it: its bytes may be used again then. */
export interface SealedBatch {
  readonly partition: number
  readonly bytes: Buffer
  readonly records: number
  release(): void
}

interface BatchOptions {
  readonly codec: Codec
  readonly identity: ProducerIdentity | undefined
}

/** The batches in the making, one for each partition. Builders are used again: records cost no object. */
export class PartitionBatches {
  readonly #options: BatchOptions
  readonly #batchBytes: number
  readonly #open = new Map<number, RecordBatchBuilder>()
  readonly #sequences = new Map<number, number>()
  readonly #free: RecordBatchBuilder[] = []

  /** @param batchBytes a batch is full when it has so many bytes before its codec. */
  constructor(batchBytes: number, options: BatchOptions) {
    this.#batchBytes = batchBytes
    this.#options = options
  }

  /** Adds a record; gives the partition's batch where that has become full. `timestamp` is in ms. */
  append(
    partition: number,
    key: Buffer | null,
    value: Buffer | null,
    timestamp: number,
    headers: readonly RecordHeader[],
  ): SealedBatch | undefined {
    const builder = this.#builder(partition)
    builder.append(key, value, timestamp, headers)
    return builder.sizeBytes >= this.#batchBytes ? this.seal(partition) : undefined
  }

  /** The same without key and headers, for a value that is a part of a buffer. */
  appendPart(partition: number, bytes: Buffer, start: number, end: number, timestamp: number): SealedBatch | undefined {
    const builder = this.#builder(partition)
    builder.appendPart(bytes, start, end, timestamp)
    return builder.sizeBytes >= this.#batchBytes ? this.seal(partition) : undefined
  }

  /** Partitions that have records which are in no sealed batch yet. */
  get unsealed(): readonly number[] {
    return [...this.#open.keys()]
  }

  seal(partition: number): SealedBatch | undefined {
    const builder = this.#open.get(partition)
    if (builder === undefined) return undefined
    this.#open.delete(partition)
    const { codec, identity } = this.#options
    const records = builder.count
    const bytes = builder.seal({
      crc32c,
      codec,
      ...(codec === 'none' ? {} : { compress: (plain: Buffer) => compress(codec, plain) }),
      ...(identity === undefined ? {} : { ...identity, baseSequence: this.#nextSequence(partition, records) }),
    })
    return { partition, bytes, records, release: () => this.#give(builder) }
  }

  #builder(partition: number): RecordBatchBuilder {
    const known = this.#open.get(partition)
    if (known !== undefined) return known
    const builder = this.#free.pop() ?? new RecordBatchBuilder(this.#batchBytes + SLACK_BYTES)
    this.#open.set(partition, builder)
    return builder
  }

  #nextSequence(partition: number, records: number): number {
    const sequence = this.#sequences.get(partition) ?? 0
    this.#sequences.set(partition, (sequence + records) % SEQUENCE_ROUND)
    return sequence
  }

  #give(builder: RecordBatchBuilder): void {
    builder.reset()
    if (this.#free.length < KEEP_BUILDERS) this.#free.push(builder)
  }
}
