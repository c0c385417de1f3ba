import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import type { Decoded, DecodeRequest, Decoder, RejectedRecord } from './decoder.ts'
import { RecordRequiredMissingError } from './errors.ts'
import { type JsonColumn, planColumns } from './json-columns.ts'
import { readFast } from './json-fast.ts'
import { describeMissing, readPrecise } from './json-precise.ts'
import { addMetadata } from './metadata.ts'
import { reject } from './reasons.ts'
import { screen } from './screen.ts'

/**
 * One JSON object per record. An epoch without bad records is read in one pass; in another one every record is judged by
 * itself. Whether and how a record is read does not depend on the path, so not on its neighbours either.
 */
export function jsonDecoder(): Decoder {
  return { decode }
}

async function decode(request: DecodeRequest): Promise<Decoded> {
  const { connection, table, records, metadata } = request
  const columns = planColumns(request.columns)
  const rejected = (await readRecords(request, columns)).sort((a, b) => a.record - b.record)
  const recordOfRow = rejected.length === 0 ? undefined : keptRecords(records.count, rejected)
  await addMetadata(connection, table, metadata, records, recordOfRow)
  const rows = records.count - rejected.length
  return recordOfRow === undefined ? { rows, rejected } : { rows, rejected, recordOfRow }
}

async function readRecords(request: DecodeRequest, columns: readonly JsonColumn[]): Promise<RejectedRecord[]> {
  const { connection, table, records, spoolFile } = request
  const screening = screen(records)
  const screened = screening.rejected
  // In the order of the columns, whatever the order of the list: the first that is missing is the reason.
  const required = request.columns.map((column) => column.name).filter((name) => request.required.includes(name))
  const expected = records.count - screened.length
  const found = (await readFast({ connection, table, columns, screening, expected, spoolFile }))
    ? await dropIncomplete(connection, table, required, screened, records.count)
    : await readPrecise({ connection, table, columns, required, records, screened })
  return [...screened, ...found]
}

/** Takes the rows without a required value out of the table. */
async function dropIncomplete(
  connection: Connection,
  table: string,
  required: readonly string[],
  screened: readonly RejectedRecord[],
  count: number,
): Promise<RejectedRecord[]> {
  if (required.length === 0) return []
  const missing = required.map((name) => `${quoteIdentifier(name)} IS NULL`)
  const whens = missing.map((condition, i) => `WHEN ${condition} THEN ${i}`).join(' ')
  const found = await connection.rows<{ row: number; column: number }>(
    `SELECT rowid::INTEGER AS "row", CASE ${whens} END AS "column" FROM ${quoteIdentifier(table)}
     WHERE ${missing.join(' OR ')} ORDER BY rowid`,
  )
  if (found.length === 0) return []
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
    SELECT * FROM ${quoteIdentifier(table)} WHERE NOT (${missing.join(' OR ')})`)
  const kept = keptRecords(count, screened)
  return found.map(({ row, column }) =>
    reject(RecordRequiredMissingError, kept[row] as number, describeMissing(required[column] as string)),
  )
}

/** The records that are not rejected, ascending. */
function keptRecords(count: number, rejected: readonly RejectedRecord[]): Uint32Array {
  const kept = new Uint32Array(count - rejected.length)
  let next = 0
  let row = 0
  for (let record = 0; record < count; record++) {
    if (rejected[next]?.record === record) next++
    else kept[row++] = record
  }
  return kept
}
