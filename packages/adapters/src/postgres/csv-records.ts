import { createReadStream } from 'node:fs'

const QUOTE = 0x22
const NEWLINE = 0x0a

/**
 * Where each record of a CSV file ends (the byte after its newline), for files without a header whose quotes are doubled
 * inside quoted values. A newline ends a record when the quotes before it are even.
 */
export class CsvRecordScanner {
  readonly ends: number[] = []
  #offset = 0
  #quoted = false

  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]
      if (byte === QUOTE) this.#quoted = !this.#quoted
      else if (byte === NEWLINE && !this.#quoted) this.ends.push(this.#offset + i + 1)
    }
    this.#offset += chunk.length
  }

  /** A last record needs no newline. */
  finish(): readonly number[] {
    if (this.#offset > (this.ends.at(-1) ?? 0)) this.ends.push(this.#offset)
    return this.ends
  }
}

export async function csvRecordEnds(path: string): Promise<readonly number[]> {
  const scanner = new CsvRecordScanner()
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) scanner.push(chunk as Buffer)
  return scanner.finish()
}
