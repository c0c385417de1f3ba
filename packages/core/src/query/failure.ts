import { failureOf } from '../duckdb/index.ts'
import type { HeadraceError } from '../errors/index.ts'
import {
  QueryFailedError,
  QueryInvalidError,
  QueryNotAllowedError,
  QuerySyntaxError,
  type SqlPlace,
  TableUnknownError,
} from './errors.ts'

/** A DuckDB error of a session with `errors_as_json`. */
export interface QueryFailure {
  readonly kind: string
  readonly message: string
  /** Of the missing table. */
  readonly table?: string
  /** Where in the text, in bytes of UTF-8. */
  readonly position?: number
}

export function queryFailureOf(error: unknown): QueryFailure {
  const text = error instanceof Error ? error.message : String(error)
  const json = parseJson(text.slice(Math.max(0, text.indexOf('{'))))
  if (json === undefined || json.exception_type === undefined) {
    const { kind, message } = failureOf(error)
    return { kind, message }
  }
  const { exception_type, exception_message = '', type, name, position } = json
  return {
    kind: exception_type,
    // "Did you mean" names DuckDB's own tables and functions as often as ours.
    message: exception_message.replace(/\n+Did you mean "(pg_|duckdb_|sqlite_).*$/s, '').trim(),
    ...(type === 'Table' && name !== undefined && { table: name }),
    ...(position !== undefined && { position: Number(position) }),
  }
}

/** Whether a file was gone: moved by a publication between listing and reading, or lost. */
export function isFileMissing({ kind, message }: QueryFailure): boolean {
  return kind === 'IO' && /No files found|No such file|does not exist/i.test(message)
}

/** What DuckDB says about the user's SQL, as an error of the catalogue. */
export function translateFailure(error: unknown, sql: string, datasets: readonly string[]): HeadraceError {
  const failure = queryFailureOf(error)
  const { kind, message, table } = failure
  const place = placeOf(sql, failure.position)
  const options = { cause: error }
  if (kind === 'Parser' || kind === 'Syntax') return new QuerySyntaxError({ ...place, reason: message }, options)
  if (kind === 'Permission') return new QueryNotAllowedError({ reason: lowerFirst(message) }, options)
  if (table !== undefined && /^[./~]|:\/\//.test(table)) {
    return new QueryNotAllowedError({ reason: `"${table}" is a file, and only datasets can be read` }, options)
  }
  if (table !== undefined) return new TableUnknownError({ ...place, table, datasets }, options)
  if (kind === 'Catalog' || kind === 'Binder') {
    const { reason, advice } = partsOf(message)
    return new QueryInvalidError({ ...place, reason, ...(advice === undefined ? {} : { advice }) }, options)
  }
  return new QueryFailedError({ ...place, reason: message }, options)
}

/** DuckDB puts what it suggests on lines of its own (`Candidate bindings: …`, `Did you mean …`). */
function partsOf(message: string): { reason: string; advice?: string } {
  const [first = message, ...rest] = message.split(/\n+/).map((line) => line.trim())
  const reason = first.replace(/!$/, '')
  return rest.length === 0 ? { reason } : { reason, advice: rest.join(' ') }
}

function placeOf(sql: string, position: number | undefined): SqlPlace {
  if (position === undefined) return {}
  const before = Buffer.from(sql).subarray(0, position).toString('utf8').split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

interface DuckDBJsonError {
  exception_type?: string
  exception_message?: string
  type?: string
  name?: string
  position?: string
}

function parseJson(text: string): DuckDBJsonError | undefined {
  try {
    return JSON.parse(text) as DuckDBJsonError
  } catch {
    return undefined
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
