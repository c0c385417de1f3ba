import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import type { EpochRecords } from '../model/index.ts'
import { recordsWithout } from './buffers.ts'
import type { Decoder } from './decoder.ts'
import { addMetadata } from './metadata.ts'

/** The record's number, while rows are put in order. */
const RECORD = quoteIdentifier('record of the row')

/**
 * The same decoder, but a record without a value (a tombstone, which says that what its key names is no more) is a row whose
 * columns are all NULL, in its place. Where a column is required, such a row cannot be: it stays rejected.
 */
export function tombstonesAsRows(inner: Decoder): Decoder {
  return {
    async decode(request) {
      const { connection, table, records, metadata } = request
      if (request.required.length > 0 || !hasNulls(records)) return inner.decode(request)
      const decoded = await inner.decode({ ...request, metadata: [] })
      const isTombstone = ({ record }: { readonly record: number }) => records.value(record) === null
      const rejected = decoded.rejected.filter((one) => !isTombstone(one))
      const tombstones = decoded.rejected.filter(isTombstone).map(({ record }) => record)
      if (tombstones.length > 0) {
        await insertRows(connection, table, recordsWithout(records.count, decoded.rejected), tombstones)
      }
      const rows = records.count - rejected.length
      const recordOfRow = rejected.length === 0 ? undefined : recordsWithout(records.count, rejected)
      await addMetadata(connection, table, metadata, records, recordOfRow)
      return recordOfRow === undefined ? { rows, rejected } : { rows, rejected, recordOfRow }
    },
  }
}

function hasNulls(records: EpochRecords): boolean {
  return records.blocks.some(({ values }) => values.nulls !== undefined)
}

/** `recordOfRow` are the records of the table's rows; rows of NULLs come between them for these. */
async function insertRows(
  connection: Connection,
  table: string,
  recordOfRow: Uint32Array,
  records: readonly number[],
): Promise<void> {
  const name = quoteIdentifier(table)
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${name} AS SELECT * EXCLUDE (${RECORD}) FROM (
       SELECT * FROM ${name} POSITIONAL JOIN (SELECT unnest($1::BIGINT[]) AS ${RECORD})
       UNION ALL BY NAME SELECT unnest($2::BIGINT[]) AS ${RECORD})
     ORDER BY ${RECORD}`,
    [`[${recordOfRow.join(',')}]`, `[${records.join(',')}]`],
  )
}
