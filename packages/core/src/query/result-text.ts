import type { Field, Json } from '../model/index.ts'
import type { QueryResult } from './lake.ts'

/** How a result is written as text, row by row. */
export type TextFormat = 'csv' | 'json' | 'ndjson'

const INTEGER = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/

/**
 * A result as text, in pieces of some thousand rows. `json` is one array of objects, `ndjson` an object a line; whole
 * numbers are numbers where JSON can hold them exactly, decimals and times are strings. `csv` is RFC 4180 with a header
 * line; null is empty, the empty text is quoted.
 */
export async function* resultText(result: QueryResult, format: TextFormat): AsyncGenerator<string> {
  const render = ROWS[format](result.columns)
  let first = true
  if (format === 'csv') yield `${result.columns.map(({ name }) => csvCell(name)).join(',')}\n`
  if (format === 'json') yield '['
  for await (const rows of result.chunks()) {
    if (rows.length === 0) continue
    const text = rows.map(render)
    if (format === 'json') yield `${first ? '\n' : ',\n'}${text.join(',\n')}`
    else yield `${text.join('\n')}\n`
    first = false
  }
  if (format === 'json') yield first ? ']\n' : '\n]\n'
}

/** Values as JSON shall show them: whole numbers that DuckDB gives as text become numbers where that loses nothing. */
export function plainRow(columns: readonly Field[], row: readonly Json[]): Json[] {
  return row.map((value, i) => plainValue(columns[i]?.type ?? '', value))
}

type RowText = (row: readonly Json[]) => string

const ROWS: Readonly<Record<TextFormat, (columns: readonly Field[]) => RowText>> = {
  csv: () => (row) => row.map(csvCell).join(','),
  json: objectText,
  ndjson: objectText,
}

function objectText(columns: readonly Field[]): RowText {
  return (row) => {
    const values = plainRow(columns, row)
    return JSON.stringify(Object.fromEntries(columns.map(({ name }, i) => [name, values[i] ?? null])))
  }
}

function plainValue(type: string, value: Json): Json {
  if (typeof value !== 'string' || !INTEGER.test(type)) return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function csvCell(value: Json): string {
  if (value === null) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
