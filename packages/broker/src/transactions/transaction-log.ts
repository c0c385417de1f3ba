import path from 'node:path'
import type { FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { Journal } from '../storage/journal.ts'
import type { Transaction } from './transaction.ts'

type Change =
  | { readonly kind: 'state'; readonly transaction: Transaction }
  | { readonly kind: 'expired'; readonly transactionalId: string }

/** What is known of every transactional id, kept in a journal: what was answered outlives the process. */
export class TransactionLog {
  readonly #transactions = new Map<string, Transaction>()
  #journal: Journal<Change> | undefined

  static async open(
    dataDir: string,
    storage: { readonly fsync: FsyncPolicy; readonly flusher: IntervalFlusher },
  ): Promise<TransactionLog> {
    const log = new TransactionLog()
    log.#journal = await Journal.open<Change>({
      file: path.join(dataDir, 'transactions'),
      ...storage,
      apply: (change) => log.#apply(change),
      snapshot: () => log.#snapshot(),
    })
    return log
  }

  get(transactionalId: string): Transaction | undefined {
    return this.#transactions.get(transactionalId)
  }

  list(): Transaction[] {
    return [...this.#transactions.values()]
  }

  /** Resolves when the state is written; until then `get` gives the one before. */
  async put(transaction: Transaction): Promise<void> {
    await this.#journal?.append({ kind: 'state', transaction })
  }

  async expire(transactionalId: string): Promise<void> {
    await this.#journal?.append({ kind: 'expired', transactionalId })
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(change: Change): void {
    if (change.kind === 'expired') this.#transactions.delete(change.transactionalId)
    else this.#transactions.set(change.transaction.transactionalId, change.transaction)
  }

  *#snapshot(): Generator<Change> {
    for (const transaction of this.#transactions.values()) yield { kind: 'state', transaction }
  }
}
