import { type Connection, failureOf, quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import { columnsOption, type JsonColumn, selectList } from './json-columns.ts'

/**
 * The least `maximum_object_size`. The reader's buffers are twice that, and a buffer is what one thread takes at a time: at
 * DuckDB's default of 16 MiB an epoch's file would be one piece for one thread. 256 KiB to 4 MiB measure alike.
 */
const LEAST_OBJECT_SIZE = 1024 * 1024

/** Kinds of failure that speak of the data. Others (IO, memory, interrupt, a wrong type name) are not for the precise path. */
const DATA_FAILURES = new Set(['Invalid Input', 'Conversion', 'Out of Range'])

/** A spool file of one-line JSON objects, and how to read it. */
export interface FastRequest {
  readonly connection: Connection
  readonly table: string
  readonly columns: readonly JsonColumn[]
  readonly spoolFile: string
  /** Records in the file, and bytes of the longest. */
  readonly expected: number
  readonly longest: number
}

/**
 * All records of the file in one pass of DuckDB's JSON reader. True when the table holds them all, each at its place;
 * false when some record is bad, and then nothing is known but that.
 */
export async function readFast(request: FastRequest): Promise<boolean> {
  const { connection, table, columns, expected } = request
  try {
    const rows = await connection.copy(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
      SELECT ${selectList(columns, (column) => quoteIdentifier(column.name))} FROM ${readJson(request)}`)
    return rows === expected
  } catch (error) {
    if (isAboutData(error)) return false
    throw error
  }
}

/**
 * Records that are worth a closer look because a column is NULL, ascending, by their place in the file. Read leniently,
 * bad records are rows of NULL and bad values are NULL, but not every bad record shows; so this only proposes.
 * Undefined when not even that could be read.
 */
export async function findSuspects(request: FastRequest): Promise<number[] | undefined> {
  const { connection, columns, expected } = request
  const table = quoteIdentifier(`${request.table}_suspects`)
  const anyNull = columns.map((column) => `${quoteIdentifier(column.name)} IS NULL`).join(' OR ')
  try {
    const rows = await connection.copy(
      `CREATE OR REPLACE TEMP TABLE ${table} AS SELECT ${anyNull} AS suspect FROM ${readJson(request, ', ignore_errors = true')}`,
    )
    if (rows !== expected) return undefined
    const suspects = await connection.rows<{ place: number }>(
      `SELECT rowid::INTEGER AS place FROM ${table} WHERE suspect ORDER BY rowid`,
    )
    return suspects.map((row) => row.place)
  } catch (error) {
    if (isAboutData(error)) return undefined
    throw error
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`)
  }
}

function isAboutData(error: unknown): boolean {
  return DATA_FAILURES.has(failureOf(error).kind)
}

function readJson({ columns, longest, spoolFile }: FastRequest, options = ''): string {
  return `read_json(${quoteLiteral(spoolFile)}, format = 'newline_delimited', compression = 'uncompressed',
    columns = ${columnsOption(columns)}, maximum_object_size = ${objectSize(longest)}${options})`
}

/** A power of two, so that epochs with somewhat larger records use buffers of the same size again. */
function objectSize(longest: number): number {
  let size = LEAST_OBJECT_SIZE
  while (size <= longest + 1) size *= 2
  return size
}
