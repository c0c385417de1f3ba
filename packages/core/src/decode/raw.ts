import { BLOB, DuckDBBlobValue, DuckDBDataChunk, quoteIdentifier, VARCHAR } from '../duckdb/index.ts'
import type { Field } from '../model/index.ts'
import { recordsWithout } from './buffers.ts'
import type { Decoded, DecodeRequest, Decoder, RejectedRecord } from './decoder.ts'
import { rejectMissing } from './json-precise.ts'
import { addMetadata } from './metadata.ts'
import { findNotUtf8 } from './screen.ts'

const ROWS_PER_CHUNK = 2048

/** The value as it is, in one column: text (which must be UTF-8) or bytes. A record without a value is a row with NULL. */
export function rawDecoder(): Decoder {
  return { decode }
}

async function decode(request: DecodeRequest): Promise<Decoded> {
  const { connection, table, records, metadata } = request
  const [column] = request.columns as readonly [Field]
  const isText = column.type === 'VARCHAR'
  const notUtf8 = isText ? findNotUtf8(records, recordsWithout(records.count, [])) : []
  const missing = request.required.includes(column.name) ? withoutValue(request) : []
  const rejected = [...notUtf8, ...missing].sort((a, b) => a.record - b.record)
  const recordOfRow = rejected.length === 0 ? undefined : recordsWithout(records.count, rejected)
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} (${quoteIdentifier(column.name)} ${column.type})`,
  )
  await append(request, recordOfRow, isText)
  await addMetadata(connection, table, metadata, records, recordOfRow)
  const rows = records.count - rejected.length
  return recordOfRow === undefined ? { rows, rejected } : { rows, rejected, recordOfRow }
}

function withoutValue({ records, columns }: DecodeRequest): RejectedRecord[] {
  const found: RejectedRecord[] = []
  for (let record = 0; record < records.count; record++) {
    if (records.value(record) === null) found.push(rejectMissing(record, (columns[0] as Field).name))
  }
  return found
}

async function append({ connection, table, records }: DecodeRequest, which: Uint32Array | undefined, isText: boolean) {
  const rows = which?.length ?? records.count
  const appender = await connection.native.createAppender(table)
  try {
    for (let from = 0; from < rows; from += ROWS_PER_CHUNK) {
      const count = Math.min(ROWS_PER_CHUNK, rows - from)
      const chunk = DuckDBDataChunk.create([isText ? VARCHAR : BLOB], count)
      const vector = chunk.getColumnVector(0)
      for (let i = 0; i < count; i++) {
        const value = records.value(which?.[from + i] ?? from + i)
        vector.setItem(i, value === null ? null : isText ? textOf(value) : new DuckDBBlobValue(value))
      }
      vector.flush()
      appender.appendDataChunk(chunk)
    }
  } finally {
    appender.closeSync()
  }
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString()
}
