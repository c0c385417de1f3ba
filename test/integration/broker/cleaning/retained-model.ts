import type { PartitionContent } from '../partition-reader.ts'
import type { SentRecord } from './compacted-model.ts'

interface Retention {
  /** What the partition has at least once something has been deleted for its size. */
  readonly bytes?: number
  readonly ms?: number
}

interface SentBatch {
  readonly records: readonly SentRecord[]
  readonly sizeBytes: number
}

interface KeptBatch extends SentBatch {
  readonly baseOffset: number
}

/** What readers of a partition see of which the oldest records are deleted. */
export class RetainedModel {
  readonly #retention: Retention
  readonly #batches: KeptBatch[] = []
  #unanswered: SentBatch[] = []
  #start = 0
  /** Up to where a client has asked to delete: surely, and perhaps. */
  #deletedBefore = 0
  #perhapsDeletedBefore = 0

  constructor(retention: Retention) {
    this.#retention = retention
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    const last = this.#batches.at(-1)
    return last ? last.baseOffset + last.records.length : 0
  }

  /** Bytes of what lies at `offset` or beyond. */
  bytesFrom(offset: number): number {
    return this.#batches.reduce((sum, batch) => sum + (batch.baseOffset >= offset ? batch.sizeBytes : 0), 0)
  }

  appended(batch: SentBatch, baseOffset: number): void {
    this.#batches.push({ ...batch, baseOffset })
  }

  unanswered(batch: SentBatch): void {
    this.#unanswered.push(batch)
  }

  deleted(before: number, isSure: boolean): void {
    this.#perhapsDeletedBefore = Math.max(this.#perhapsDeletedBefore, before)
    if (isSure) this.#deletedBefore = Math.max(this.#deletedBefore, before)
  }

  /** Throws where what was read is not what may be there. `now` is when it had been read. */
  check({ records, start, end }: PartitionContent, now: number): void {
    this.#takeUp(end)
    if (end !== this.end) throw new Error(`the log ends at ${end} instead of ${this.end}`)
    if (start < Math.max(this.#start, this.#deletedBefore)) throw new Error(`what lay before ${this.#start} is back`)
    const due = this.#batches.flatMap(({ baseOffset, records: own }) =>
      own.map(({ key, value, timestamp }, index) => ({ offset: baseOffset + index, timestamp, key, value })),
    )
    // A batch comes as a whole, also where the log begins within it.
    const [seen, expected] = [records, due].map((all) => JSON.stringify(all.filter(({ offset }) => offset >= start)))
    if (seen !== expected) throw new Error(`from ${start} on: ${seen} instead of ${expected}`)
    if (start > this.#start) this.#checkReason(start, now)
    this.#start = start
  }

  #checkReason(start: number, now: number): void {
    const { bytes, ms } = this.#retention
    if (bytes !== undefined && this.bytesFrom(start) >= bytes) return
    const isOld = ({ timestamp }: SentRecord) => ms !== undefined && timestamp <= now - ms
    const isMeant = ({ baseOffset, records }: KeptBatch) =>
      records.every((record, index) => baseOffset + index < this.#perhapsDeletedBefore || isOld(record))
    const gone = this.#batches.filter(({ baseOffset, records }) => baseOffset + records.length <= start)
    const wrong = gone.find((batch) => !isMeant(batch))
    if (wrong) throw new Error(`deleted without a reason: ${JSON.stringify(wrong)}`)
  }

  /** At most one batch was under way, and is there as a whole or not at all. */
  #takeUp(end: number): void {
    for (const batch of this.#unanswered)
      if (end === this.end + batch.records.length) this.#batches.push({ ...batch, baseOffset: this.end })
    this.#unanswered = []
  }
}
