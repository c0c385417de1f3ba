import { rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Connection, type Database, failureOf, quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import {
  BatchExportError,
  BatchIncompleteError,
  BatchUnreadableError,
  HeadraceError,
  sinkFolderFailure,
} from '../errors/index.ts'
import type { Batch, BatchId, ExportedFile, ExportOptions, Field, Row, StagedFile, Staging } from '../model/index.ts'
import { planCopy } from './copy-plan.ts'

export interface StagedBatchOptions {
  readonly id: BatchId
  readonly schema: readonly Field[]
  readonly files: readonly StagedFile[]
  readonly rowCount: number
  /** False unless told. */
  readonly untried?: boolean
  /** Form of the files; Parquet unless told. */
  readonly format?: Staging['format']
  /** Reads the files: never the database that holds the state. Each read takes a connection of its own. */
  readonly database: Database
}

/** A committed batch read from its staged files. Every read fails unless it saw exactly `rowCount` rows. */
export class StagedBatch implements Batch {
  readonly id: BatchId
  readonly schema: readonly Field[]
  readonly files: readonly StagedFile[]
  readonly rowCount: number
  readonly untried: boolean
  readonly #format: Staging['format']
  readonly #database: Database

  constructor(options: StagedBatchOptions) {
    this.id = options.id
    this.schema = options.schema
    this.files = options.files
    this.rowCount = options.rowCount
    this.untried = options.untried ?? false
    this.#format = options.format ?? 'parquet'
    this.#database = options.database
  }

  async *rows(): AsyncGenerator<Row> {
    const connection = await this.#database.connect()
    let found = 0
    try {
      const result = await connection.native.stream(planRead(this.schema, this.files, this.#format))
      for await (const rows of result.yieldRowObjectJson()) {
        for (const row of rows) {
          // Counted first, so that a file with too many rows fails before one too many is given out.
          if (++found > this.rowCount) this.#requireRows(found, this.rowCount)
          yield row as Row
        }
      }
    } catch (error) {
      throw this.#readFailure(error)
    } finally {
      connection.close()
    }
    this.#requireRows(found, this.rowCount)
  }

  async export(options: ExportOptions): Promise<readonly ExportedFile[]> {
    const files = options.files ?? this.files
    const expected = options.files === undefined ? this.rowCount : files.reduce((sum, file) => sum + file.rows, 0)
    const connection = await this.#database.connect()
    try {
      const read = planRead(this.schema, files, this.#format)
      const query = options.select === undefined ? read : `SELECT ${options.select.join(', ')} FROM (${read})`
      const columns = options.select === undefined ? this.schema : await connection.describe(query)
      const written = await writeCopy(connection, planCopy(query, columns, options), options)
      this.#requireRows(sumRows(written), expected)
      return written
    } catch (error) {
      await rm(options.to, { recursive: true, force: true })
      throw sinkFolderFailure(error, dirname(options.to)) ?? this.#exportFailure(error)
    } finally {
      connection.close()
    }
  }

  #requireRows(found: number, expected: number): void {
    if (found !== expected) throw new BatchIncompleteError({ batch: nameOf(this.id), expected, found })
  }

  #readFailure(error: unknown): HeadraceError {
    if (error instanceof HeadraceError) return error
    return new BatchUnreadableError({ batch: nameOf(this.id), reason: failureOf(error).message }, { cause: error })
  }

  #exportFailure(error: unknown): HeadraceError {
    if (error instanceof HeadraceError) return error
    const { message } = failureOf(error)
    if (/No files found|not a parquet file|No magic bytes/i.test(message)) return this.#readFailure(error)
    return new BatchExportError({ batch: nameOf(this.id), reason: message }, { cause: error })
  }
}

function nameOf(id: BatchId): string {
  return `${id.pipeline}/${id.incarnation}/${id.sink}/${id.sequence}`
}

/** SELECT of the batch's columns in their own types, in the order of `files` and of the rows in them. */
export function planRead(schema: readonly Field[], files: readonly StagedFile[], format: Staging['format']): string {
  if (files.length === 0) {
    const empty = schema.map((field) => `CAST(NULL AS ${field.type}) AS ${quoteIdentifier(field.name)}`)
    return `SELECT ${empty.join(', ')} WHERE false`
  }
  const columns = schema.map((field) => {
    const name = quoteIdentifier(field.name)
    return `CAST(${name} AS ${field.type}) AS ${name}`
  })
  return `SELECT ${columns.join(', ')} FROM ${readFunction(schema, files, format)}`
}

function readFunction(schema: readonly Field[], files: readonly StagedFile[], format: Staging['format']): string {
  const paths = `[${files.map((file) => quoteLiteral(file.path)).join(', ')}]`
  if (format === 'ndjson') {
    const columns = schema.map((field) => `${quoteLiteral(field.name)}: ${quoteLiteral(field.type)}`)
    return `read_json(${paths}, format = 'newline_delimited', columns = {${columns.join(', ')}})`
  }
  const partitions = Object.keys(files[0]?.partition ?? {})
  if (partitions.length === 0) return `read_parquet(${paths}, hive_partitioning = false)`
  const types = partitions.map((name) => {
    const type = schema.find((field) => field.name === name)?.type ?? 'VARCHAR'
    return `${quoteLiteral(name)}: ${quoteLiteral(type)}`
  })
  return `read_parquet(${paths}, hive_partitioning = true, hive_types = {${types.join(', ')}})`
}

interface CopyStatistics {
  filename: string
  count: string
  file_size_bytes: string
  partition_keys: { key: string; value: string | null }[] | null
}

/** The folder name that stands for NULL in Hive's layout. */
const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__'

/** Runs a COPY made by `planCopy` and says what it wrote. */
export async function writeCopy(
  connection: Connection,
  sql: string,
  options: Pick<ExportOptions, 'format' | 'to'>,
): Promise<ExportedFile[]> {
  if (options.format !== 'parquet') {
    const rows = await connection.copy(sql)
    return [{ path: options.to, rows, bytes: (await stat(options.to)).size, partition: {} }]
  }
  const written = await connection.rows<CopyStatistics & Record<string, never>>(sql)
  return written.map((file) => ({
    path: file.filename,
    rows: Number(file.count),
    bytes: Number(file.file_size_bytes),
    partition: Object.fromEntries((file.partition_keys ?? []).map(({ key, value }) => [key, value ?? NULL_PARTITION])),
  }))
}

function sumRows(files: readonly ExportedFile[]): number {
  return files.reduce((sum, file) => sum + file.rows, 0)
}
