import { type BatchHeader, CONTROL_TYPE, controlTypeOf } from '@headrace/broker/protocol'

/** From a fetch response: records of this producer from `firstOffset` to its abort marker were taken back. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** Which transactional batches to leave out; batches are shown to it in order, control batches too. */
export class AbortedFilter {
  readonly #waiting: AbortedTransaction[]
  readonly #open = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset)
  }

  leavesOut(batch: BatchHeader): boolean {
    if (this.#waiting.length === 0 && this.#open.size === 0) return false
    for (let first = this.#waiting.at(-1); first !== undefined; first = this.#waiting.at(-1)) {
      if (first.firstOffset > batch.lastOffset) break
      this.#open.add(first.producerId)
      this.#waiting.pop()
    }
    if (!batch.isTransactional || !this.#open.has(batch.producerId)) return false
    if (batch.isControl && controlTypeOf(batch) === CONTROL_TYPE.abort) this.#open.delete(batch.producerId)
    return true
  }
}
