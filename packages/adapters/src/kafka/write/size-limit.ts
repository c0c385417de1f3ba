import { ProtocolError } from '../client/protocol-errors.ts'

/** No record batch is larger: brokers take requests of up to 100 MiB (`socket.request.max.bytes`). */
const MOST_BATCH_BYTES = 64 * 1024 * 1024

const MESSAGE_TOO_LARGE = 10

/** How many bytes a record batch has, as it is sent and before its records were compressed. */
export interface BatchSize {
  readonly bytes: number
  readonly plainBytes: number
}

/** The topic does not take a batch of one record: that record is too large. */
export class RecordTooLargeError extends ProtocolError {
  readonly topic: string
  readonly size: BatchSize

  constructor(topic: string, size: BatchSize) {
    super(MESSAGE_TOO_LARGE)
    this.topic = topic
    this.size = size
  }
}

/** How large a record batch may be in one topic, as far as that is known. */
export class SizeLimit {
  /** What the topic's `max.message.bytes` says; undefined where nobody tells. */
  #stated: number | undefined
  /** What was refused, whatever the topic says: a broker that compresses anew (`compression.type`) judges what comes of that. */
  #refused: BatchSize = { bytes: Number.POSITIVE_INFINITY, plainBytes: Number.POSITIVE_INFINITY }
  /** Batches of several records are made no larger, before they are compressed. */
  batchBytes = Number.POSITIVE_INFINITY

  constructor(stated: number | undefined) {
    this.#stated = stated
  }

  /** A batch that has no more before it is compressed is taken, as far as that is known. */
  get harmlessBytes(): number {
    return Math.min(this.#statedBytes, this.#refused.plainBytes - 1)
  }

  /** Of a batch of one record that is not taken, as far as that is known, the bytes that are too many. */
  excess({ bytes, plainBytes }: BatchSize): number | undefined {
    if (bytes > this.#statedBytes) return bytes
    const isRefused = bytes >= this.#refused.bytes && plainBytes >= this.#refused.plainBytes
    return isRefused ? plainBytes : undefined
  }

  /** The topic refused a batch of several records. */
  refusedTogether(plainBytes: number): void {
    this.batchBytes = Math.min(this.batchBytes, Math.floor(plainBytes / 2))
  }

  /** The topic refused a batch of one record; it may say another limit by now. */
  refusedAlone(size: BatchSize, stated: number | undefined): void {
    this.#stated = stated
    if (this.excess(size) === undefined) this.#refused = size
  }

  get #statedBytes(): number {
    return Math.min(this.#stated ?? MOST_BATCH_BYTES, MOST_BATCH_BYTES)
  }

  /** Why a record of so many bytes is not written, and what to do about it. */
  reason(topic: string, bytes: number): string {
    if (bytes > MOST_BATCH_BYTES) {
      return `its record has ${bytes} bytes, more than the ${MOST_BATCH_BYTES} that are sent to Kafka at most: make the row smaller`
    }
    const said = this.#stated !== undefined && bytes > this.#stated ? ` (max.message.bytes is ${this.#stated})` : ''
    return `its record has ${bytes} bytes, more than topic "${topic}" takes${said}: raise it by headrace topics alter ${topic} --config max.message.bytes=${bytes}, compress, or make the row smaller`
  }
}
