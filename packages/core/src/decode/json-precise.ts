import {
  BLOB,
  type Connection,
  DuckDBBlobValue,
  DuckDBDataChunk,
  INTEGER,
  quoteIdentifier,
  quoteLiteral,
} from '../duckdb/index.ts'
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
  /** In the order of the columns. */
  readonly required: readonly string[]
  readonly records: EpochRecords
  /** The records to look at, ascending. */
  readonly which: Uint32Array
}

/**
 * Record by record: the table gets the good ones in order, and the others come back each with its reason, ascending.
 * Nothing that is in a record can make it fail.
 */
export function readPrecise(request: PreciseRequest): Promise<RejectedRecord[]> {
  const { connection, table, columns } = request
  return judge(request, async (judged) => {
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
      SELECT ${selectList(columns, (column) => `"row".${quoteIdentifier(column.name)}`)}
      FROM ${judged} WHERE verdict IS NULL`)
  })
}

/** The bad ones among the records, each with its reason, ascending. `use` may read the others from the table it is told. */
export async function judge(
  request: PreciseRequest,
  use: (judged: string) => Promise<void> = async () => {},
): Promise<RejectedRecord[]> {
  const { connection, columns, required, records, which } = request
  const raw = quoteIdentifier(`${request.table}_raw`)
  const judged = quoteIdentifier(`${request.table}_judged`)
  try {
    const notUtf8 = findNotUtf8(records, which)
    const bad = new Set(notUtf8.map((rejection) => rejection.record))
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${raw} (record INTEGER, value BLOB)`)
    await loadRaw(
      connection,
      `${request.table}_raw`,
      records,
      bad.size === 0 ? which : which.filter((r) => !bad.has(r)),
    )
    // One step after another, so that DuckDB does each once whatever refers to it.
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${judged} AS
      SELECT record, "row", ${verdictSql(columns, new Set(required), 'json', 'keys', '"row"')} AS verdict
      FROM (SELECT record, json, json_keys(json) AS keys, TRY_CAST(json AS ${recordType(columns)}) AS "row"
        FROM (SELECT record, TRY_CAST(decode(value) AS JSON) AS json FROM ${raw}))`)
    await use(judged)
    return [...notUtf8, ...(await explain(request, raw, judged))].sort((a, b) => a.record - b.record)
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${raw}`)
    await connection.run(`DROP TABLE IF EXISTS ${judged}`)
  }
}

/** Record numbers and values as they are, without a text format in between that a value could break. */
async function loadRaw(
  connection: Connection,
  table: string,
  records: EpochRecords,
  which: Uint32Array,
): Promise<void> {
  const appender = await connection.native.createAppender(table)
  try {
    for (let from = 0; from < which.length; from += ROWS_PER_CHUNK) {
      const numbers = Array.from(which.subarray(from, from + ROWS_PER_CHUNK))
      const values = numbers.map((record) => {
        const { block, index } = records.locate(record)
        return new DuckDBBlobValue(onOneLine(block.values, index))
      })
      const chunk = DuckDBDataChunk.create([INTEGER, BLOB], numbers.length)
      chunk.setColumns([numbers, values])
      appender.appendDataChunk(chunk)
    }
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
     FROM ${judged} JOIN ${raw} USING (record) WHERE verdict IS NOT NULL ORDER BY record`,
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
      return rejectMissing(record, name)
  }
}

/** In the same words on every path. */
export function rejectMissing(record: number, column: string): RejectedRecord {
  return reject(RecordRequiredMissingError, record, `column ${column} is required, and the record has none or null`)
}
