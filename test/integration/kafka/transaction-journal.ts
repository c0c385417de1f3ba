import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The broker's file of transactions, as somebody sees it who looks on from outside. */
export class TransactionJournal {
  readonly #file: string

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'transactions')
  }

  /** The end of the last transaction is written down, and not yet that everybody has been told of it. */
  isDecided(): boolean {
    const text = readFileSync(this.#file, 'latin1')
    return text.slice(text.lastIndexOf('"state":"')).startsWith('"state":"Prepare')
  }
}
