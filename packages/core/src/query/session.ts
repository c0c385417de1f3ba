import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Connection, Database, quoteIdentifier, quoteLiteral, StatementType } from '../duckdb/index.ts'
import { HeadraceError } from '../errors/index.ts'
import type { DatasetName } from './catalog.ts'
import { type ListOptions, listDataset } from './dataset.ts'
import { DatasetDamagedError, DatasetEmptyError, QueryNotAllowedError } from './errors.ts'
import { isFileMissing, queryFailureOf } from './failure.ts'
import { isQuery } from './statement.ts'
import { planView } from './view-plan.ts'

export interface SessionOptions extends ListOptions {
  readonly lakeDirectory: string
  /** The only file that the session may write. */
  readonly output?: string
  readonly memoryLimit?: string
  readonly threads?: number
}

let opened = 0

/** An in-memory database of its own for one query: the datasets as views, and no way out of the lake. */
export class QuerySession {
  readonly connection: Connection
  /** What is wrong with datasets that could not be made views of, by name in lower case. */
  readonly unusable: ReadonlyMap<string, HeadraceError>
  readonly #database: Database

  private constructor(database: Database, connection: Connection, unusable: ReadonlyMap<string, HeadraceError>) {
    this.#database = database
    this.connection = connection
    this.unusable = unusable
  }

  static async open(sql: string, datasets: readonly DatasetName[], options: SessionOptions): Promise<QuerySession> {
    const database = await Database.open(undefined, {
      // Made when something spills, and removed with the database.
      tempDirectory: join(tmpdir(), `headrace-query-${process.pid}-${++opened}`),
      ...(options.memoryLimit !== undefined && { memoryLimit: options.memoryLimit }),
      ...(options.threads !== undefined && { threads: options.threads }),
    })
    try {
      const connection = await database.connect()
      const unusable = await createViews(connection, sql, datasets, options)
      await lockIn(connection, options)
      return new QuerySession(database, connection, unusable)
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Binds the statement, and makes sure that it is a single one and only reads. */
  async check(sql: string): Promise<void> {
    const statements = await this.connection.native.extractStatements(sql)
    if (statements.count !== 1) {
      throw new QueryNotAllowedError({
        reason: `there are ${statements.count} statements in it, and only one is allowed`,
      })
    }
    const statement = await statements.prepare(0)
    try {
      if (statement.statementType !== StatementType.SELECT && statement.statementType !== StatementType.EXPLAIN) {
        throw new QueryNotAllowedError({ reason: 'it does more than read' })
      }
    } finally {
      statement.destroySync()
    }
  }

  /** Gives a checked SELECT a name, and a query of it: what ends it (a comment, a semicolon) reaches no statement around it. */
  async define(sql: string): Promise<string> {
    await this.connection.run(`CREATE TEMP VIEW "query result" AS ${sql}`)
    return 'SELECT * FROM "query result"'
  }

  /** A checked statement that gives no more than so many rows; DESCRIBE and the like stay as they are. */
  async limited(sql: string, rows: number): Promise<string> {
    return isQuery(sql) ? `${await this.define(sql)} LIMIT ${rows}` : sql
  }

  close(): void {
    this.#database.close()
  }
}

/**
 * Makes views of the datasets whose names stand in the SQL, or of all where it asks what there is. A dataset that is empty or
 * damaged gets none, and only disturbs queries that then miss it.
 */
async function createViews(
  connection: Connection,
  sql: string,
  datasets: readonly DatasetName[],
  options: ListOptions,
): Promise<ReadonlyMap<string, HeadraceError>> {
  const unusable = new Map<string, HeadraceError>()
  const text = sql.toLowerCase()
  const asksForAll = /\bshow\b|information_schema|duckdb_|pg_|\bquery(_table)?\s*\(/.test(text)
  for (const dataset of datasets) {
    const name = dataset.name.toLowerCase()
    if (!text.includes(name) && !asksForAll) continue
    try {
      await createView(connection, dataset, options)
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error
      unusable.set(name, error)
    }
  }
  return unusable
}

async function createView(connection: Connection, dataset: DatasetName, options: ListOptions): Promise<void> {
  const select = planView(await listDataset(dataset.folder, options))
  if (select === undefined) throw new DatasetEmptyError({ dataset: dataset.name })
  try {
    await connection.run(`CREATE VIEW ${quoteIdentifier(dataset.name)} AS ${select}`)
  } catch (error) {
    const failure = queryFailureOf(error)
    if (isFileMissing(failure)) throw error
    throw new DatasetDamagedError({ dataset: dataset.name, reason: failure.message }, { cause: error })
  }
}

/** From here on the session reads the lake, writes `output` and nothing else, and nothing can change that. */
async function lockIn(connection: Connection, { lakeDirectory, output }: SessionOptions): Promise<void> {
  await connection.run(`SET allowed_directories = [${quoteLiteral(lakeDirectory)}]`)
  if (output !== undefined) await connection.run(`SET allowed_paths = [${quoteLiteral(output)}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run('SET errors_as_json = true')
  await connection.run('SET lock_configuration = true')
}
