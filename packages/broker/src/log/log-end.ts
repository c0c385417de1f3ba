import { type AppendPlan, planAppend } from './plan-append.ts'
import type { ProducerEntry } from './producer-state.ts'
import type { SegmentEnd } from './segment-state.ts'
import { type AbortedTransaction, TransactionIndex } from './transaction-index.ts'

/** A producer that has not been heard of for so long is forgotten with the next segment: Kafka's producer.id.expiration.ms. */
const PRODUCER_EXPIRATION_MS = 24 * 60 * 60 * 1000

/** What holds at the end of a log, and decides about what is to be appended: the next offset, producers, transactions. */
export class LogEnd {
  readonly #producers: Map<number, ProducerEntry>
  readonly #transactions: TransactionIndex
  #offset: number

  constructor(offset: number, producers: readonly ProducerEntry[], aborted: readonly AbortedTransaction[]) {
    this.#offset = offset
    this.#producers = new Map(producers.map((entry) => [entry.producerId, entry]))
    this.#transactions = new TransactionIndex(producers, aborted)
  }

  /** The offset after the last record. */
  get offset(): number {
    return this.#offset
  }

  /** The offset up to where every transaction has ended. */
  get stableOffset(): number {
    return this.#transactions.firstUnstableOffset ?? this.#offset
  }

  get producers(): ProducerEntry[] {
    return [...this.#producers.values()]
  }

  /** Aborted transactions that have records from `from` to before `to`, by their first offsets. */
  abortedWithin(from: number, to: number): AbortedTransaction[] {
    return this.#transactions.abortedWithin(from, to)
  }

  /** What is to be known of the segment that begins at `baseOffset` and ends here. */
  ofSegment(baseOffset: number): SegmentEnd {
    const { offset: nextOffset, producers } = this
    return { nextOffset, producers, aborted: this.#transactions.abortedEndingIn(baseOffset, nextOffset) }
  }

  plan(records: readonly Buffer[]): AppendPlan {
    return planAppend(records, this.#offset, this.#producers)
  }

  /** Called once what was planned is in the file. */
  apply({ nextOffset, producers, transactions }: AppendPlan): void {
    this.#offset = nextOffset
    for (const [id, entry] of producers) this.#producers.set(id, entry)
    for (const change of transactions) this.#transactions.apply(change)
  }

  /** Forgets transactions that ended before the log's first offset. */
  forgetBefore(startOffset: number): void {
    this.#transactions.forgetBefore(startOffset)
  }

  forgetIdleProducers(now: number): void {
    for (const [id, { lastTimestamp, transactionStart }] of this.#producers)
      if (lastTimestamp < now - PRODUCER_EXPIRATION_MS && transactionStart === null) this.#producers.delete(id)
  }
}
