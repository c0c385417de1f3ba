import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Connection, type Database, quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import { StagedBatch, writeCopy } from '../engine/batch-files.ts'
import { isNested, planCopy } from '../engine/copy-plan.ts'
import type { BatchId, Field, Row, StagedFile, Staging } from '../model/index.ts'

/** A value read back from a target: text that DuckDB can cast to the column's type, bytes for BLOB, JSON text for nested types. */
export type ReadValue = string | Uint8Array | null
export type ReadRow = Readonly<Record<string, ReadValue>>

/** Makes real staged batches for tests, as the engine does: one query per fragment. */
export class BatchStager {
  readonly #database: Database
  readonly #directory: string

  /** `directory` is where batches are staged whose sink names no folder of its own. */
  constructor(database: Database, directory: string) {
    this.#database = database
    this.#directory = directory
  }

  /** Rows of `fragments`, in that order, as a committed batch. The queries must agree in their columns. */
  async stage(
    id: BatchId,
    staging: Staging,
    columns: readonly Field[],
    fragments: readonly string[],
  ): Promise<StagedBatch> {
    const connection = await this.#database.connect()
    try {
      const files: StagedFile[] = []
      for (const query of fragments) files.push(...(await this.#write(connection, id, staging, columns, query)))
      const rowCount = files.reduce((sum, file) => sum + file.rows, 0)
      return new StagedBatch({ id, schema: columns, files, rowCount, format: staging.format, database: this.#database })
    } finally {
      connection.close()
    }
  }

  /** The same files as a batch that differs in `change`. */
  reopen(batch: StagedBatch, change: { readonly rowCount?: number; readonly untried?: boolean }): StagedBatch {
    const { id, schema, files, rowCount } = batch
    return new StagedBatch({ id, schema, files, rowCount, database: this.#database, ...change })
  }

  async describe(query: string): Promise<Field[]> {
    return this.#connected((connection) => connection.describe(query))
  }

  /** The rows of a query in the form of `Batch.rows()`. */
  async rows(query: string): Promise<Row[]> {
    return this.#connected((connection) => connection.rows<Row>(query))
  }

  /** Rows read back from a target, in the form of `Batch.rows()`. */
  async canonical(columns: readonly Field[], rows: readonly ReadRow[]): Promise<Row[]> {
    if (rows.length === 0) return []
    const values = rows.map((row) => `(${columns.map((column) => literal(row[column.name])).join(', ')})`)
    const names = columns.map((column) => quoteIdentifier(column.name))
    const casts = columns.map((column) => castText(column))
    return this.rows(`SELECT ${casts.join(', ')} FROM (VALUES ${values.join(', ')}) AS t(${names.join(', ')})`)
  }

  async #connected<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#database.connect()
    try {
      return await work(connection)
    } finally {
      connection.close()
    }
  }

  async #write(
    connection: Connection,
    id: BatchId,
    staging: Staging,
    columns: readonly Field[],
    query: string,
  ): Promise<StagedFile[]> {
    const directory = staging.directory ?? this.#directory
    await mkdir(directory, { recursive: true })
    const name = `staged-${id.sink}-${id.sequence}-${randomUUID()}`
    const partitioned = (staging.partitionBy?.length ?? 0) > 0
    const to = join(directory, partitioned ? name : `${name}.${staging.format}`)
    const { format, partitionBy, compression } = staging
    const options = { format, to, ...(partitionBy && { partitionBy }), ...(compression && { compression }) }
    return writeCopy(connection, planCopy(query, columns, options), options)
  }
}

function literal(value: ReadValue | undefined): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string') return quoteLiteral(value)
  return quoteLiteral(Buffer.from(value).toString('hex'))
}

function castText({ name, type }: Field): string {
  const column = quoteIdentifier(name)
  const text = `CAST(${column} AS VARCHAR)`
  if (type === 'BLOB') return `unhex(${text}) AS ${column}`
  if (isNested(type)) return `CAST(CAST(${text} AS JSON) AS ${type}) AS ${column}`
  return `CAST(${text} AS ${type}) AS ${column}`
}
