import { type EpochRecords, type RecordBlock, startOf } from '../model/index.ts'
import type { RejectedRecord } from './decoder.ts'
import { RecordEmptyError, RecordMalformedError, RecordTooLargeError } from './errors.ts'
import { quote as cite, reject } from './reasons.ts'

/** Larger rows would have DuckDB's reader keep buffers of many times their size. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024

const NEWLINE = 0x0a
const RETURN = 0x0d

/** How rows are written; delimiter and quote as bytes. */
export interface CsvDialect {
  readonly delimiter: number
  readonly quote: number
  /** Names of the columns where each record begins with a line of them. */
  readonly header: readonly string[] | undefined
}

/** Where a record's row lies within its value. */
interface RowSpan {
  readonly start: number
  readonly end: number
}

interface CsvScreening {
  /** Ascending by record. */
  readonly rejected: readonly RejectedRecord[]
  /** Bytes of the longest row. */
  readonly longest: number
  /** The rows kept, end to end, each with its newline. */
  readonly rows: readonly Uint8Array[]
  /** Whether a row holds newlines within quotes. */
  readonly hasNewlines: boolean
}

const NEWLINE_BYTES = Uint8Array.of(NEWLINE)

/**
 * Walks every byte of the epoch once. What is kept is exactly one row of as many fields as there are columns, so nothing in
 * a record can be read as part of another; what its fields say is left to DuckDB.
 */
export function screenCsv(
  records: EpochRecords,
  dialect: CsvDialect,
  columns: number,
  refused: ReadonlySet<number>,
): CsvScreening {
  const rejected: RejectedRecord[] = []
  const rows: Uint8Array[] = []
  const walk = { fields: 0, hasNewlines: false }
  let longest = 0
  records.blocks.forEach((block, b) => {
    const first = records.starts[b] as number
    const { data, ends } = block.values
    let runStart = 0
    for (let i = 0; i < block.count; i++) {
      const start = startOf(block.values, i)
      const end = ends[i] as number
      const found = refused.has(first + i) ? undefined : rowOf(block, i, start, end, dialect)
      const problem = typeof found === 'object' ? walkRow(data, found, dialect, columns, walk) : found
      if (typeof found === 'object' && problem === undefined) {
        if (found.end - found.start > longest) longest = found.end - found.start
        if (found.start === start && found.end === end) continue
        if (start > runStart) rows.push(data.subarray(runStart, start))
        rows.push(data.subarray(found.start, found.end), NEWLINE_BYTES)
      } else {
        if (start > runStart) rows.push(data.subarray(runStart, start))
        if (problem !== undefined) rejected.push(describe(problem, first + i))
      }
      runStart = end + 1
    }
    const end = block.count === 0 ? 0 : (ends[block.count - 1] as number) + 1
    if (end > runStart) rows.push(data.subarray(runStart, end))
  })
  return { rejected, longest, rows, hasNewlines: walk.hasNewlines }
}

/** `empty: `, `large: ` or nothing before the reason says which error it is. */
function describe(problem: string, record: number): RejectedRecord {
  if (problem.startsWith('empty: ')) return reject(RecordEmptyError, record, problem.slice(7))
  if (problem.startsWith('large: ')) return reject(RecordTooLargeError, record, problem.slice(7))
  return reject(RecordMalformedError, record, `not CSV: ${problem}`)
}

/** The row of record `i` without its header and last newline, or what is wrong. */
function rowOf(block: RecordBlock, i: number, from: number, to: number, dialect: CsvDialect): RowSpan | string {
  const { data, nulls } = block.values
  if (nulls?.[i] === 1) return 'empty: the record has no value (a tombstone)'
  if (to - from > MAX_VALUE_BYTES) return `large: the value has ${to - from} bytes; ${MAX_VALUE_BYTES} are the most`
  let start = from
  if (dialect.header !== undefined) {
    const line = data.indexOf(NEWLINE, from)
    if (line < 0 || line >= to) return 'there is no header line before the row'
    const problem = headerProblem(data.subarray(from, withoutReturn(data, from, line)), dialect, dialect.header)
    if (problem !== undefined) return problem
    start = line + 1
  }
  const end = withoutReturn(data, start, data[to - 1] === NEWLINE && to > start ? to - 1 : to)
  return end === start ? 'empty: the value is empty' : { start, end }
}

function withoutReturn(data: Uint8Array, start: number, end: number): number {
  return end > start && data[end - 1] === RETURN ? end - 1 : end
}

function headerProblem(line: Uint8Array, dialect: CsvDialect, names: readonly string[]): string | undefined {
  const found = splitRow(line, dialect)
  if (found.length === names.length && names.every((name, i) => found[i]?.text === name)) return undefined
  const given = found.map(({ text }) => text).join(', ')
  return `its header names ${cite(given)}; the columns are ${cite(names.join(', '))}`
}

/** What keeps the span from being one row of so many fields; undefined for none. */
function walkRow(
  data: Uint8Array,
  { start, end }: RowSpan,
  { delimiter, quote }: CsvDialect,
  columns: number,
  walk: { hasNewlines: boolean },
): string | undefined {
  let fields = 1
  let at = start
  for (;;) {
    if (at < end && data[at] === quote) {
      at++
      for (; at < end; at++) {
        const byte = data[at]
        if (byte === NEWLINE) walk.hasNewlines = true
        if (byte === quote) {
          if (at + 1 < end && data[at + 1] === quote) at++
          else break
        }
      }
      if (at >= end) return `a quote is not closed in field ${fields}`
      at++
      if (at < end && data[at] !== delimiter) return `text follows the closing quote of field ${fields}`
    } else {
      for (; at < end && data[at] !== delimiter; at++) {
        const byte = data[at]
        if (byte === NEWLINE || byte === RETURN) return `a line break outside quotes at position ${at - start}`
        if (byte === quote) return `a quote within field ${fields}, which is not quoted`
      }
    }
    if (at >= end) break
    fields++
    at++
  }
  return fields === columns
    ? undefined
    : `it has ${fields} ${fields === 1 ? 'field' : 'fields'}; there are ${columns} columns`
}

export interface CsvField {
  readonly text: string
  readonly isQuoted: boolean
}

/** The fields of one row, for the few that are looked at one by one. */
export function splitRow(row: Uint8Array, { delimiter, quote }: CsvDialect): CsvField[] {
  const text = Buffer.from(row.buffer, row.byteOffset, row.length).toString()
  const [separator, mark] = [String.fromCharCode(delimiter), String.fromCharCode(quote)]
  const fields: CsvField[] = []
  for (let at = 0; at <= text.length; at++) {
    if (text[at] === mark) {
      let end = at + 1
      while (end < text.length && (text[end] !== mark || text[end + 1] === mark)) end += text[end] === mark ? 2 : 1
      fields.push({ text: text.slice(at + 1, end).replaceAll(mark + mark, mark), isQuoted: true })
      at = end + 1
    } else {
      const next = text.indexOf(separator, at)
      const end = next < 0 ? text.length : next
      fields.push({ text: text.slice(at, end), isQuoted: false })
      at = end
    }
  }
  return fields
}

/** The row of a record that was kept. */
export function rowBytes(records: EpochRecords, record: number, dialect: CsvDialect): Uint8Array {
  const { block, index } = records.locate(record)
  const { values } = block
  const span = rowOf(block, index, startOf(values, index), values.ends[index] as number, dialect)
  return typeof span === 'string' ? new Uint8Array() : values.data.subarray(span.start, span.end)
}
