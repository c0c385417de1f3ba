import { BLOB, DuckDBBlobValue, DuckDBDataChunk, INTEGER } from '@duckdb/node-api'
import { type Connection, quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import { type Bytes, type EpochRecords, startOf } from '../model/index.ts'
import { printType } from './column-type.ts'
import type { RejectedRecord } from './decoder.ts'
import { RecordMalformedError, RecordRequiredMissingError, RecordWrongTypeError } from './errors.ts'
import { type JsonColumn, recordType, selectList } from './json-columns.ts'
import { pointerTo, readVerdict, verdictSql } from './json-verdict.ts'
import { describeMalformed, quote, reject, withArticle } from './reasons.ts'
import { findNotUtf8 } from './screen.ts'

const NEWLINE = 0x0a
const TAB = 0x09
const ROWS_PER_CHUNK = 2048

export interface PreciseRequest {
  readonly connection: Connection
  readonly table: string
  readonly columns: readonly JsonColumn[]
  readonly required: readonly string[]
  readonly records: EpochRecords
  /** Rejected already, ascending. */
  readonly screened: readonly RejectedRecord[]
}

/**
 * Record by record: the table gets the good ones in order, and the others come back each with its reason. Nothing that is
 * in a record can make it fail.
 */
export async function readPrecise(request: PreciseRequest): Promise<RejectedRecord[]> {
  const { connection, table, columns, required, records, screened } = request
  const raw = `${table}_raw`
  const judged = `${table}_judged`
  try {
    const notUtf8 = findNotUtf8(records)
    const skipped = new Set([...screened, ...notUtf8].map((rejection) => rejection.record))
    await loadRaw(connection, raw, records, skipped)
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(judged)} AS
      SELECT record, "row", ${verdictSql(columns, new Set(required), 'json', '"row"')} AS verdict
      FROM (SELECT record, json, TRY_CAST(json AS ${recordType(columns)}) AS "row"
        FROM (SELECT record, TRY_CAST(decode(value) AS JSON) AS json FROM ${quoteIdentifier(raw)}))`)
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
      SELECT ${selectList(columns, (column) => `"row".${quoteIdentifier(column.name)}`)}
      FROM ${quoteIdentifier(judged)} WHERE verdict IS NULL`)
    const already = new Set(screened.map((rejection) => rejection.record))
    return [...notUtf8.filter((r) => !already.has(r.record)), ...(await explain(request, raw, judged))]
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${quoteIdentifier(raw)}`)
    await connection.run(`DROP TABLE IF EXISTS ${quoteIdentifier(judged)}`)
  }
}

/** A table of record numbers and values as they are, without a text format in between that a value could break. */
async function loadRaw(
  connection: Connection,
  table: string,
  records: EpochRecords,
  skipped: ReadonlySet<number>,
): Promise<void> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} (record INTEGER, value BLOB)`)
  const appender = await connection.native.createAppender(table)
  try {
    let numbers: number[] = []
    let values: DuckDBBlobValue[] = []
    const append = () => {
      if (numbers.length === 0) return
      const chunk = DuckDBDataChunk.create([INTEGER, BLOB], numbers.length)
      chunk.setColumns([numbers, values])
      appender.appendDataChunk(chunk)
      numbers = []
      values = []
    }
    records.blocks.forEach((block, b) => {
      const first = records.starts[b] as number
      for (let i = 0; i < block.count; i++) {
        if (skipped.has(first + i)) continue
        numbers.push(first + i)
        values.push(new DuckDBBlobValue(onOneLine(block.values, i)))
        if (numbers.length === ROWS_PER_CHUNK) append()
      }
    })
    append()
  } finally {
    appender.closeSync()
  }
}

/**
 * The value with its newlines as tabs. Between JSON's tokens both are white space, and within a string neither is allowed,
 * so the value means the same; but it is the form in which the fast path could read it.
 */
function onOneLine(values: Bytes, i: number): Uint8Array {
  const start = startOf(values, i)
  const end = values.ends[i] as number
  const value = values.data.subarray(start, end)
  if (values.data.indexOf(NEWLINE, start) >= end) return value
  return value.map((byte) => (byte === NEWLINE ? TAB : byte))
}

async function explain(request: PreciseRequest, raw: string, judged: string): Promise<RejectedRecord[]> {
  const { connection, columns, records } = request
  const pointers = `[${columns.map((column) => quoteLiteral(pointerTo(column.name))).join(', ')}]`
  const part = `json_extract(TRY_CAST(decode(value) AS JSON), ${pointers}[(verdict - 1) % ${columns.length} + 1])`
  const bad = await connection.rows<{ record: number; verdict: number; text: string | null }>(
    `SELECT record, verdict, left(CASE WHEN verdict > 0 THEN CAST(${part} AS VARCHAR) END, 200) AS text
     FROM ${quoteIdentifier(judged)} JOIN ${quoteIdentifier(raw)} USING (record)
     WHERE verdict IS NOT NULL ORDER BY record`,
  )
  return bad.map(({ record, verdict, text }) => {
    const found = readVerdict(verdict, columns.length)
    if (found.kind === 'malformed') {
      return reject(RecordMalformedError, record, describeMalformed(records.value(record) as Uint8Array))
    }
    return rejectColumn(record, found.kind, columns[found.column] as JsonColumn, text ?? '')
  })
}

function rejectColumn(
  record: number,
  kind: 'wrongType' | 'duplicate' | 'missing',
  { name, type }: JsonColumn,
  text: string,
): RejectedRecord {
  switch (kind) {
    case 'wrongType':
      return reject(
        RecordWrongTypeError,
        record,
        `column ${name}: ${quote(text)} is not ${withArticle(printType(type))}`,
      )
    case 'duplicate':
      return reject(RecordMalformedError, record, `key ${JSON.stringify(name)} stands more than once`)
    case 'missing':
      return reject(RecordRequiredMissingError, record, describeMissing(name))
  }
}

/** The same words on both paths. */
export function describeMissing(column: string): string {
  return `column ${column} is required, and the record has none or null`
}
