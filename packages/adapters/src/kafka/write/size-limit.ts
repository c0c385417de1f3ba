import { ProtocolError } from '../client/protocol-errors.ts'

/** No record batch is larger: brokers take requests of up to 100 MiB (`socket.request.max.bytes`). */
const MOST_BATCH_BYTES = 64 * 1024 * 1024

const MESSAGE_TOO_LARGE = 10

/** The topic does not take a batch of one record: that record is too large. */
export class RecordTooLargeError extends ProtocolError {
  readonly topic: string
  /** The batch's bytes. */
  readonly bytes: number

  constructor(topic: string, bytes: number) {
    super(MESSAGE_TOO_LARGE)
    this.topic = topic
    this.bytes = bytes
  }
}

/** How large a record batch may be in one topic, as far as that is known. */
export class SizeLimit {
  /** What the topic's `max.message.bytes` says; undefined where nobody tells. */
  #stated: number | undefined
  /** What was refused, whatever the topic says. */
  #refused = Number.POSITIVE_INFINITY
  /** Batches of several records are made no larger. */
  batchBytes = Number.POSITIVE_INFINITY

  constructor(stated: number | undefined) {
    this.#stated = stated
  }

  /** A batch has no more. */
  get bytes(): number {
    return Math.min(this.#stated ?? MOST_BATCH_BYTES, this.#refused - 1, MOST_BATCH_BYTES)
  }

  /** The topic refused a batch of several records. */
  refusedTogether(bytes: number): void {
    this.batchBytes = Math.min(this.batchBytes, Math.floor(bytes / 2))
  }

  /** The topic refused a batch of one record; it may say another limit by now. */
  refusedAlone(bytes: number, stated: number | undefined): void {
    this.#stated = stated
    if (bytes <= this.bytes) this.#refused = bytes
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
