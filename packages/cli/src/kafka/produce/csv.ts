const QUOTE = 0x22
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Called with the fields of each row and the number of the line that it begins on, from 1. */
type RowTarget = (fields: readonly string[], line: number) => void

/** A quote that is not where RFC 4180 has one. */
export class CsvQuoteError extends Error {
  readonly line: number
  constructor(line: number, reason: string) {
    super(reason)
    this.name = 'CsvQuoteError'
    this.line = line
  }
}

/** Reads CSV (RFC 4180) that comes in pieces: quoted fields may hold delimiters, doubled quotes and line ends. */
export class CsvReader {
  readonly #delimiter: number
  #rest: Buffer = Buffer.alloc(0)
  #line = 1

  /** @param delimiter one ASCII character. */
  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0)
  }

  push(chunk: Buffer, target: RowTarget): void {
    this.#read(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]), false, target)
  }

  /** Throws `CsvQuoteError` for a quote that is never closed. */
  end(target: RowTarget): void {
    this.#read(this.#rest, true, target)
  }

  #read(bytes: Buffer, isLast: boolean, target: RowTarget): void {
    let start = 0
    while (start < bytes.length) {
      const found = rowEnd(bytes, start)
      if (found === undefined && !isLast) break
      if (found === undefined && isOpen(bytes, start)) {
        throw new CsvQuoteError(this.#line, 'a quote is never closed')
      }
      const end = found?.end ?? bytes.length
      const row = bytes.subarray(start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
      if (row.length > 0) target(this.#fields(row), this.#line)
      this.#line += found?.lines ?? 1
      start = end + 1
    }
    this.#rest = bytes.subarray(start)
  }

  #fields(row: Buffer): string[] {
    const fields: string[] = []
    let start = 0
    for (;;) {
      const isQuoted = row[start] === QUOTE
      const end = isQuoted ? this.#quotedEnd(row, start) : this.#delimiterAt(row, start)
      fields.push(isQuoted ? unquoted(row, start, end) : row.toString('utf8', start, end))
      if (end >= row.length) return fields
      start = end + 1
    }
  }

  #delimiterAt(row: Buffer, from: number): number {
    const end = row.indexOf(this.#delimiter, from)
    return end < 0 ? row.length : end
  }

  #quotedEnd(row: Buffer, start: number): number {
    for (let i = start + 1; i < row.length; i++) {
      if (row[i] !== QUOTE) continue
      if (row[i + 1] === QUOTE) i++
      else if (i + 1 === row.length || row[i + 1] === this.#delimiter) return i + 1
      else break
    }
    throw new CsvQuoteError(this.#line, 'text follows a closing quote')
  }
}

/** Where the row's newline is, the first outside of quotes, and how many lines the row has; undefined where it goes on. */
function rowEnd(bytes: Buffer, start: number): { end: number; lines: number } | undefined {
  let isQuoted = false
  let lines = 1
  for (let i = start; i < bytes.length; i++) {
    if (bytes[i] === QUOTE) isQuoted = !isQuoted
    else if (bytes[i] !== NEWLINE) continue
    else if (isQuoted) lines++
    else return { end: i, lines }
  }
  return undefined
}

function isOpen(bytes: Buffer, start: number): boolean {
  let quotes = 0
  for (let i = start; i < bytes.length; i++) if (bytes[i] === QUOTE) quotes++
  return quotes % 2 === 1
}

function unquoted(row: Buffer, start: number, end: number): string {
  return row.toString('utf8', start + 1, end - 1).replaceAll('""', '"')
}
