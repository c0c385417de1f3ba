import type { ProducerEntry } from './producer-state.ts'

/** A transaction of which a partition has records and that was aborted. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Where its marker lies. */
  readonly lastOffset: number
  /** Up to where everything was decided once the marker was there: no transaction with a later marker begins before it. */
  readonly lastStableOffset: number
}

/** What a batch does to a producer's transaction in this partition. */
export type TransactionChange =
  | { readonly kind: 'begun'; readonly producerId: number; readonly firstOffset: number }
  | {
      readonly kind: 'ended'
      readonly producerId: number
      readonly firstOffset: number
      readonly markerOffset: number
      readonly committed: boolean
    }

/** The transactions of one partition: those that are open, and those that were aborted. */
export class TransactionIndex {
  /** First offsets by producer id, in their order: offsets are given in order. */
  readonly #open = new Map<number, number>()
  /** In the order of their markers. */
  #aborted: AbortedTransaction[]

  constructor(producers: Iterable<ProducerEntry>, aborted: readonly AbortedTransaction[]) {
    this.#aborted = [...aborted]
    const open = [...producers].flatMap(({ producerId, transactionStart }) =>
      transactionStart === null ? [] : [{ producerId, transactionStart }],
    )
    for (const { producerId, transactionStart } of open.sort((a, b) => a.transactionStart - b.transactionStart))
      this.#open.set(producerId, transactionStart)
  }

  /** The first offset of the oldest transaction that is open: what lies before it is decided. */
  get firstUnstableOffset(): number | undefined {
    return this.#open.values().next().value
  }

  apply(change: TransactionChange): void {
    const { producerId, firstOffset } = change
    if (change.kind === 'begun') {
      this.#open.set(producerId, firstOffset)
      return
    }
    this.#open.delete(producerId)
    if (change.committed) return
    const lastStableOffset = this.firstUnstableOffset ?? change.markerOffset + 1
    this.#aborted.push({ producerId, firstOffset, lastOffset: change.markerOffset, lastStableOffset })
  }

  /** Aborted transactions that have records from `from` to before `to`, by their first offsets. */
  abortedWithin(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = []
    for (let index = this.#firstEndingAt(from); index < this.#aborted.length; index++) {
      const transaction = this.#aborted[index]
      if (transaction === undefined) break
      if (transaction.firstOffset < to) found.push(transaction)
      if (transaction.lastStableOffset >= to) break
    }
    return found.sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Aborted transactions whose markers lie from `from` to before `to`. */
  abortedEndingIn(from: number, to: number): AbortedTransaction[] {
    return this.#aborted.slice(this.#firstEndingAt(from), this.#firstEndingAt(to))
  }

  /** Forgets what ended before `offset`. */
  forgetBefore(offset: number): void {
    this.#aborted = this.#aborted.slice(this.#firstEndingAt(offset))
  }

  /** The index of the first whose marker is at `offset` or later. */
  #firstEndingAt(offset: number): number {
    let low = 0
    let high = this.#aborted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#aborted[middle]?.lastOffset ?? Number.POSITIVE_INFINITY) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
