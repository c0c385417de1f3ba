import {
  BIGINT,
  BLOB,
  blobValue,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBValue,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api'
import type { Json } from '../model/json.ts'

export type Parameter = DuckDBValue
type AppendValue = string | number | bigint | Uint8Array | null
export interface AppendColumn {
  readonly type: keyof typeof APPEND_TYPES
  readonly values: readonly AppendValue[]
}
const APPEND_TYPES = { BIGINT, BLOB, DOUBLE, INTEGER, VARCHAR }

function appendValue(type: AppendColumn['type'], value: AppendValue): DuckDBValue {
  if (value === null) return null
  if (type === 'BIGINT') return BigInt(value as number | bigint)
  return value instanceof Uint8Array ? blobValue(value) : value
}

export type JsonRow = Record<string, Json>

export interface DatabaseOptions {
  /** Threads DuckDB works with; all cores unless told. */
  readonly threads?: number
  /** `512MB`, `2GB` … DuckDB's default is 80 % of the machine's memory. */
  readonly memoryLimit?: string
  /** Where DuckDB spills; beside the database file unless told. */
  readonly tempDirectory?: string
  readonly readOnly?: boolean
  /** More of DuckDB's own settings. */
  readonly settings?: Readonly<Record<string, string>>
}

/**
 * A DuckDB database: a file, or memory where no path is given. All sessions run in UTC, keep insertion order, and load no
 * extension by themselves. A file that another process has open throws DuckDB's IO error (its lock).
 */
export class Database {
  readonly path: string | undefined
  readonly #instance: DuckDBInstance
  readonly #connections = new Set<Connection>()

  private constructor(path: string | undefined, instance: DuckDBInstance) {
    this.path = path
    this.#instance = instance
  }

  static async open(path?: string, options: DatabaseOptions = {}): Promise<Database> {
    const settings: Record<string, string> = {
      preserve_insertion_order: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      ...options.settings,
    }
    if (options.threads !== undefined) settings.threads = String(options.threads)
    if (options.memoryLimit !== undefined) settings.memory_limit = options.memoryLimit
    if (options.tempDirectory !== undefined) settings.temp_directory = options.tempDirectory
    if (options.readOnly === true) settings.access_mode = 'READ_ONLY'
    return new Database(path, await DuckDBInstance.create(path ?? ':memory:', settings))
  }

  async connect(): Promise<Connection> {
    const connection = new Connection(await this.#instance.connect(), (closed) => this.#connections.delete(closed))
    this.#connections.add(connection)
    await connection.run("SET TimeZone = 'UTC'")
    return connection
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
    this.#instance.closeSync()
  }
}

/** One session. One statement at a time: a second stream on a connection ends the first silently, so none is handed out. */
export class Connection {
  /** The client's own connection, for registering functions (only `duckdb/` and `decode/` need it). */
  readonly native: DuckDBConnection
  readonly #onClose: (connection: Connection) => void
  #closed = false

  constructor(native: DuckDBConnection, onClose: (connection: Connection) => void) {
    this.native = native
    this.#onClose = onClose
  }

  /** Runs one statement, or several without parameters; gives how many rows the last one changed or wrote. */
  async run(sql: string, parameters?: Parameter[]): Promise<number> {
    const result = await this.native.run(sql, parameters)
    return result.rowsChanged
  }

  /** All rows as JSON values: BIGINT, DECIMAL, dates and times come as strings (cast to DOUBLE where a number is wanted). */
  async rows<R = JsonRow>(sql: string, parameters?: Parameter[]): Promise<R[]> {
    const result = await this.native.run(sql, parameters)
    return (await result.getRowObjectsJson()) as R[]
  }

  /** The first row, or undefined. */
  async row<R = JsonRow>(sql: string, parameters?: Parameter[]): Promise<R | undefined> {
    return (await this.rows<R>(sql, parameters))[0]
  }

  /** A COPY's row count: what the statement says it wrote. */
  async copy(sql: string, parameters?: Parameter[]): Promise<number> {
    const row = await this.row<Record<string, string>>(sql, parameters)
    return Number(row?.Count ?? 0)
  }

  /** Names and types of what a query gives; binds it without running it. */
  async describe(sql: string): Promise<{ name: string; type: string }[]> {
    const rows = await this.rows<{ column_name: string; column_type: string }>(`DESCRIBE ${sql}`)
    return rows.map((row) => ({ name: row.column_name, type: row.column_type }))
  }

  /**
   * The chunks (2,048 rows) of a query, in order. The connection takes nothing else until the loop has ended.
   *
   * A query that fails after its first chunks, or is interrupted, ENDS as if it were complete: DuckDB's client has no way
   * to tell. Callers must know how many rows to expect, or be inside a transaction, whose next statement then fails.
   */
  async *chunks(sql: string): AsyncGenerator<DuckDBDataChunk> {
    const result = await this.native.stream(sql)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return
      yield chunk
    }
  }

  /** A statement's columns, all DOUBLE, as numbers. NULL is not looked for (it costs more than all the rest): coalesce to NaN. */
  async numbers(sql: string, parameters?: Parameter[]): Promise<Float64Array[]> {
    // Materialized: half the cost of fetching a stream chunk by chunk.
    const result = await this.native.run(sql, parameters)
    const chunks = await result.fetchAllChunks()
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
    return Array.from({ length: result.columnCount }, (_, column) => {
      const values = new Float64Array(rows)
      let at = 0
      for (const chunk of chunks) {
        const vector = chunk.getColumnVector(column)
        const { rowCount } = chunk
        for (let i = 0; i < rowCount; i++) values[at++] = vector.getItem(i) as number
      }
      return values
    })
  }

  /** Appends rows, given column by column. For values that have no file form. */
  async append(table: string, columns: readonly AppendColumn[], schema?: string): Promise<void> {
    const appender = await this.native.createAppender(table, schema)
    const types = columns.map((column) => APPEND_TYPES[column.type])
    const rows = columns[0]?.values.length ?? 0
    for (let from = 0; from < rows; from += 2048) {
      const chunk = DuckDBDataChunk.create(types, Math.min(2048, rows - from))
      chunk.setColumns(
        columns.map((column) => column.values.slice(from, from + 2048).map((value) => appendValue(column.type, value))),
      )
      appender.appendDataChunk(chunk)
    }
    appender.closeSync()
  }

  interrupt(): void {
    this.native.interrupt()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose(this)
    this.native.disconnectSync()
  }
}
