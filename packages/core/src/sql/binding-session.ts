import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import type { Field } from '../model/index.ts'

/** Why DuckDB cannot make sense of a query. `at` is a byte offset into its text. */
export interface BindFailure {
  readonly subtype: string
  readonly name: string
  readonly message: string
  readonly candidates: readonly string[]
  readonly at?: number
}

interface ErrorJson {
  exception_message?: string
  error_subtype?: string
  name?: string
  candidates?: string
  position?: string
}

/** The relations as a user's SQL sees them, and as they are with hidden columns. */
export type Face = 'visible' | 'actual'

/** DuckDB takes the user's query, but not what was made of it: a form of query that planning does not know. */
export class UnplannableError extends Error {}

/** Empty tables in an in-memory DuckDB against which SQL is bound: gives names and types, runs nothing. */
export class BindingSession {
  readonly #connection: Connection

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  static async open(connection: Connection): Promise<BindingSession> {
    await connection.run(
      'CREATE SCHEMA IF NOT EXISTS visible; CREATE SCHEMA IF NOT EXISTS actual; SET errors_as_json = true',
    )
    return new BindingSession(connection)
  }

  async close(): Promise<void> {
    await this.#connection.run(
      'SET errors_as_json = false; USE memory.main; DROP SCHEMA visible CASCADE; DROP SCHEMA actual CASCADE',
    )
  }

  async declare(face: Face, name: string, fields: readonly Field[]): Promise<void> {
    const columns = fields.map((field) => `${quoteIdentifier(field.name)} ${field.type}`)
    await this.#connection.run(`CREATE OR REPLACE TABLE ${face}.${quoteIdentifier(name)} (${columns.join(', ')})`)
  }

  /** Names and types of what a query gives. */
  async bind(face: Face, sql: string): Promise<{ columns: Field[] } | { failure: BindFailure }> {
    await this.#connection.run(`USE memory.${face}`)
    try {
      return { columns: await this.#connection.describe(sql) }
    } catch (error) {
      return { failure: failureOf(error) }
    }
  }

  /** The same for SQL that was put together here: that it does not bind is not the user's mistake. */
  async describe(sql: string): Promise<Field[]> {
    const bound = await this.bind('actual', sql)
    if ('failure' in bound) throw new UnplannableError(bound.failure.message)
    return bound.columns
  }
}

const DESCRIBE_PREFIX = 'DESCRIBE '.length

function failureOf(error: unknown): BindFailure {
  const text = error instanceof Error ? error.message : String(error)
  const start = text.indexOf('{')
  if (start < 0) return { subtype: '', name: '', message: text, candidates: [] }
  const json = JSON.parse(text.slice(start)) as ErrorJson
  const at = json.position === undefined ? undefined : Number(json.position) - DESCRIBE_PREFIX
  return {
    subtype: json.error_subtype ?? '',
    name: json.name ?? '',
    message: json.exception_message ?? text,
    candidates: (json.candidates ?? '').split(',').filter((candidate) => candidate !== ''),
    ...(at === undefined || at < 0 ? {} : { at }),
  }
}
