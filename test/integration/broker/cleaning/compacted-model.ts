import type { PartitionContent, ReadRecord } from '../partition-reader.ts'

/** A record that was sent. No two have the same timestamp. */
export interface SentRecord {
  readonly key: string
  /** Null for a tombstone. */
  readonly value: string | null
  readonly timestamp: number
  /** When it was sent at the earliest: ms since the epoch. */
  readonly sentAt: number
}

interface KeptRecord extends SentRecord {
  readonly offset: number
}

/** What readers of a compacted partition may see, and what they have to. */
export class CompactedModel {
  readonly #deleteRetentionMs: number
  readonly #byOffset = new Map<number, KeptRecord>()
  readonly #latest = new Map<string, KeptRecord>()
  /** Sent, and not answered: they are there or not. By their timestamps. */
  readonly #unanswered = new Map<number, SentRecord>()
  /** Offsets that were not there any more when the partition was read. */
  readonly #gone = new Set<number>()
  #end = 0

  constructor(deleteRetentionMs: number) {
    this.#deleteRetentionMs = deleteRetentionMs
  }

  get recordCount(): number {
    return this.#byOffset.size
  }

  get goneCount(): number {
    return this.#gone.size
  }

  appended(records: readonly SentRecord[], baseOffset: number): void {
    for (const [index, record] of records.entries()) this.#keep({ ...record, offset: baseOffset + index })
  }

  unanswered(records: readonly SentRecord[]): void {
    for (const record of records) this.#unanswered.set(record.timestamp, record)
  }

  /** Throws where what was read is not what may be there. `now` is when it had been read. */
  check({ records, start, end }: PartitionContent, now: number): void {
    if (start !== 0) throw new Error(`the log starts at ${start}: nothing is to be deleted from it`)
    let last = -1
    for (const record of records) {
      if (record.offset <= last) throw new Error(`offset ${record.offset} comes after ${last}`)
      last = record.offset
      this.#checkContent(record)
    }
    if (end < this.#end) throw new Error(`the log ends at ${end}, before ${this.#end}`)
    const shown = new Set(records.map(({ offset }) => offset))
    for (const latest of this.#latest.values()) if (!shown.has(latest.offset)) this.#checkAbsence(latest, records, now)
    for (const offset of this.#byOffset.keys()) if (!shown.has(offset)) this.#gone.add(offset)
  }

  #checkContent(record: ReadRecord): void {
    const unanswered = this.#unanswered.get(record.timestamp)
    const known = this.#byOffset.get(record.offset)
    if (known === undefined && unanswered?.key === record.key && unanswered.value === record.value) {
      this.#unanswered.delete(record.timestamp)
      this.#keep({ ...unanswered, offset: record.offset })
      return
    }
    const isSame = known?.key === record.key && known.value === record.value && known.timestamp === record.timestamp
    if (!isSame) throw new Error(`${JSON.stringify(record)} instead of ${JSON.stringify(known)}`)
    if (this.#gone.has(record.offset)) throw new Error(`${JSON.stringify(record)} was gone, and is there again`)
  }

  /** Only a tombstone may go that is its key's latest, after its time, and as the last of its key. */
  #checkAbsence(latest: KeptRecord, records: readonly ReadRecord[], now: number): void {
    const { key, value, sentAt } = latest
    const mayBeTombstone = [...this.#unanswered.values()].some((record) => record.key === key && record.value === null)
    if (value !== null && !mayBeTombstone) throw new Error(`the latest of its key is lost: ${JSON.stringify(latest)}`)
    if (value !== null) return
    if (now < sentAt + this.#deleteRetentionMs) throw new Error(`gone too early: ${JSON.stringify(latest)}`)
    const older = records.find((record) => record.key === key)
    if (older) throw new Error(`what ${JSON.stringify(latest)} deleted is there again: ${JSON.stringify(older)}`)
  }

  #keep(record: KeptRecord): void {
    this.#byOffset.set(record.offset, record)
    this.#end = Math.max(this.#end, record.offset + 1)
    const latest = this.#latest.get(record.key)
    if (latest === undefined || latest.offset < record.offset) this.#latest.set(record.key, record)
  }
}
