/** What one transaction is known to have done. */
export interface ModelTransaction {
  readonly producerId: number
  readonly group: string
  /** The offset that it commits for its group, where it does. */
  offset: number | undefined
  /** `unknown` where the broker was killed before it answered, and its producer did not ask again. */
  outcome: 'open' | 'committed' | 'aborted' | 'unknown'
}

export interface ModelRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
  /** Undefined for a record outside of any transaction. */
  readonly transaction: ModelTransaction | undefined
}

/** What a broker must show after a history: a list of records for each partition, and an offset for each group. */
export class TransactionModel {
  readonly transactions: ModelTransaction[] = []
  readonly #partitions: ModelRecord[][]
  readonly #groups = new Map<string, number>()

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => [])
  }

  begin(producerId: number, group: string): ModelTransaction {
    const transaction: ModelTransaction = { producerId, group, offset: undefined, outcome: 'open' }
    this.transactions.push(transaction)
    return transaction
  }

  append(record: ModelRecord): void {
    this.#partitions[record.partition]?.push(record)
  }

  end(transaction: ModelTransaction, outcome: ModelTransaction['outcome']): void {
    transaction.outcome = outcome
    if (outcome === 'committed' && transaction.offset !== undefined)
      this.#groups.set(transaction.group, transaction.offset)
  }

  recordsOf(transaction: ModelTransaction): ModelRecord[] {
    return this.#partitions.flat().filter((record) => record.transaction === transaction)
  }

  /** Everything that was acknowledged. */
  written(partition: number): string[] {
    return this.#inOrder(partition).map(({ value }) => value)
  }

  /** What lies before the first record of a transaction that is open, without what was aborted. */
  committed(partition: number): string[] {
    const records = this.#inOrder(partition)
    const open = records.findIndex(({ transaction }) => transaction?.outcome === 'open')
    return records
      .slice(0, open < 0 ? records.length : open)
      .filter(({ transaction }) => transaction === undefined || transaction.outcome === 'committed')
      .map(({ value }) => value)
  }

  committedOffset(group: string): number {
    return this.#groups.get(group) ?? -1
  }

  #inOrder(partition: number): ModelRecord[] {
    return (this.#partitions[partition] ?? []).toSorted((a, b) => a.offset - b.offset)
  }
}
