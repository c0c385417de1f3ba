import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import { buffersWithout, recordsWithout } from './buffers.ts'
import type { Decoded, DecodeRequest, Decoder, RejectedRecord } from './decoder.ts'
import { type JsonColumn, planColumns } from './json-columns.ts'
import { type FastRequest, findSuspects, readFast } from './json-fast.ts'
import { judge, readPrecise, rejectMissing } from './json-precise.ts'
import { addMetadata } from './metadata.ts'
import { screen } from './screen.ts'
import { writeSpool } from './spool.ts'

/** Above this share of suspects it is cheaper to judge every record. */
const MOST_SUSPECTS = 0.2

/**
 * One JSON object per record. An epoch without bad records is read in one pass. In another one the records that look bad
 * are judged and the rest is read in one pass; where that does not do, every record is judged by itself. Whether and how a
 * record is read does not depend on the path, so not on its neighbours either.
 */
export function jsonDecoder(): Decoder {
  return { decode }
}

async function decode(request: DecodeRequest): Promise<Decoded> {
  const { connection, table, records, metadata } = request
  const rejected = await readRecords(request, planColumns(request.columns))
  const recordOfRow = rejected.length === 0 ? undefined : recordsWithout(records.count, rejected)
  await addMetadata(connection, table, metadata, records, recordOfRow)
  const rows = records.count - rejected.length
  return recordOfRow === undefined ? { rows, rejected } : { rows, rejected, recordOfRow }
}

/** Fills the table with the declared columns and gives the records that are not in it, ascending. */
async function readRecords(request: DecodeRequest, columns: readonly JsonColumn[]): Promise<RejectedRecord[]> {
  const { connection, table, records, spoolFile } = request
  // In the order of the columns, whatever the order of the list: the first that is missing is the reason.
  const required = columns.map((column) => column.name).filter((name) => request.required.includes(name))
  const { rejected: screened, longest } = screen(records)
  const fast = { connection, table, columns, spoolFile, longest, expected: records.count - screened.length }
  await writeSpool(spoolFile, buffersWithout(records, screened))
  if (await readFast(fast)) {
    const incomplete = await dropIncomplete(connection, table, required)
    if (incomplete.length === 0) return [...screened]
    const kept = recordsWithout(records.count, screened)
    return merge(
      screened,
      incomplete.map(({ row, column }) => rejectMissing(kept[row] as number, column)),
    )
  }
  const which = recordsWithout(records.count, screened)
  const precise = { connection, table, columns, required, records, which }
  const found = (await readSifted(request, fast, precise, screened)) ?? (await readPrecise(precise))
  return merge(screened, found)
}

/** Judges the records that look bad, then reads the others at once. Undefined when that did not find every bad one. */
async function readSifted(
  { records, spoolFile }: DecodeRequest,
  fast: FastRequest,
  precise: Parameters<typeof judge>[0],
  screened: readonly RejectedRecord[],
): Promise<RejectedRecord[] | undefined> {
  const suspects = await findSuspects(fast)
  if (suspects === undefined || suspects.length > fast.expected * MOST_SUSPECTS) return undefined
  const which = Uint32Array.from(suspects, (place) => precise.which[place] as number)
  const found = await judge({ ...precise, which })
  await writeSpool(spoolFile, buffersWithout(records, merge(screened, found)))
  return (await readFast({ ...fast, expected: fast.expected - found.length })) ? found : undefined
}

/** Takes the rows without a required value out of the table, and says which they were. */
async function dropIncomplete(
  connection: Connection,
  table: string,
  required: readonly string[],
): Promise<{ row: number; column: string }[]> {
  if (required.length === 0) return []
  const missing = required.map((name) => `${quoteIdentifier(name)} IS NULL`)
  const whens = missing.map((condition, i) => `WHEN ${condition} THEN ${i}`).join(' ')
  const found = await connection.rows<{ row: number; column: number }>(
    `SELECT rowid::INTEGER AS "row", CASE ${whens} END AS "column" FROM ${quoteIdentifier(table)}
     WHERE ${missing.join(' OR ')} ORDER BY rowid`,
  )
  if (found.length > 0) {
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
      SELECT * FROM ${quoteIdentifier(table)} WHERE NOT (${missing.join(' OR ')})`)
  }
  return found.map(({ row, column }) => ({ row, column: required[column] as string }))
}

function merge(a: readonly RejectedRecord[], b: readonly RejectedRecord[]): RejectedRecord[] {
  return [...a, ...b].sort((x, y) => x.record - y.record)
}
