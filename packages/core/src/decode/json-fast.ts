import { type Connection, failureOf, quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import { columnsOption, type JsonColumn, selectList } from './json-columns.ts'
import type { Screening } from './screen.ts'
import { writeSpool } from './spool.ts'

/**
 * The least `maximum_object_size`. The reader's buffers are twice that, and a buffer is what one thread takes at a time: at
 * DuckDB's default of 16 MiB an epoch's file would be one piece for one thread. 256 KiB to 4 MiB measure alike.
 */
const LEAST_OBJECT_SIZE = 1024 * 1024

/** Kinds of failure that speak of the data. Others (IO, memory, interrupt, a wrong type name) are not for the precise path. */
const DATA_FAILURES = new Set(['Invalid Input', 'Conversion', 'Out of Range'])

export interface FastRequest {
  readonly connection: Connection
  readonly table: string
  readonly columns: readonly JsonColumn[]
  readonly screening: Screening
  readonly expected: number
  readonly spoolFile: string
}

/**
 * All records in one pass of DuckDB's JSON reader. True when the table holds them all, each at its place; false when some
 * record is bad, and then nothing is known but that.
 */
export async function readFast(request: FastRequest): Promise<boolean> {
  const { connection, expected, spoolFile, screening } = request
  await writeSpool(spoolFile, screening.buffers)
  try {
    const rows = await connection.copy(fastStatement(request))
    return rows === expected
  } catch (error) {
    if (DATA_FAILURES.has(failureOf(error).kind)) return false
    throw error
  }
}

function fastStatement({ table, columns, screening, spoolFile }: FastRequest): string {
  return `CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
    SELECT ${selectList(columns, (column) => quoteIdentifier(column.name))}
    FROM read_json(${quoteLiteral(spoolFile)}, format = 'newline_delimited', compression = 'uncompressed',
      columns = ${columnsOption(columns)}, maximum_object_size = ${objectSize(screening.longest)})`
}

/** A power of two, so that epochs with somewhat larger records use buffers of the same size again. */
function objectSize(longest: number): number {
  let size = LEAST_OBJECT_SIZE
  while (size <= longest + 1) size *= 2
  return size
}
