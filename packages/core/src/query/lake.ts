import { randomUUID } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { quoteLiteral } from '../duckdb/index.ts'
import { planCopy } from '../engine/copy-plan.ts'
import { HeadraceError } from '../errors/index.ts'
import type { Field, Json } from '../model/index.ts'
import { type DatasetName, listDatasets } from './catalog.ts'
import { listDataset } from './dataset.ts'
import {
  DatasetDamagedError,
  QueryCancelledError,
  QueryOutputError,
  QueryTimeoutError,
  TableUnknownError,
} from './errors.ts'
import { isFileMissing, queryFailureOf, translateFailure } from './failure.ts'
import { QuerySession } from './session.ts'
import { requireReading } from './statement.ts'

export interface LakeOptions {
  /** Whether rows count that are committed but wait for their file to close; true unless told. */
  readonly pending?: boolean
  /** `512MB`, `2GB` … for one query; DuckDB's default unless told. What does not fit is spilled to the temp folder. */
  readonly memoryLimit?: string
  readonly threads?: number
}

export interface QueryLimits {
  /** The result ends after so many rows, and says so. */
  readonly maxRows?: number
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface QueryResult {
  /** Names need not be unique. */
  readonly columns: readonly Field[]
  readonly rowCount: number
  /** Whether there were more rows than `maxRows`. */
  readonly truncated: boolean
  /** The rows, some thousand at a time; BIGINT, DECIMAL, dates and times as strings, as in `Batch.rows()`. */
  chunks(): AsyncIterable<readonly (readonly Json[])[]>
  /** Frees the result; afterwards there are no chunks. */
  close(): void
}

export type ResultFormat = 'csv' | 'json' | 'ndjson' | 'parquet'

export interface DatasetDescription extends DatasetName {
  readonly columns: readonly Field[]
  readonly files: number
  /** Unknown for folders that Headrace does not write. */
  readonly rows?: number
  readonly bytes?: number
}

/**
 * How often a query begins anew because a publication moved a file that it was about to read. A file that is missed so
 * many times in a row is lost: listing anew would have followed it.
 */
const ATTEMPTS = 100
const ATTEMPTS_FOR_ONE_FILE = 4
const RETRY_MS = 20

/** The folders of a lake as tables, to read with SQL. Opening touches nothing; a lake that does not exist has no tables. */
export function openLake(lakeDirectory: string, options: LakeOptions = {}): Lake {
  return new Lake(resolve(lakeDirectory), options)
}

export class Lake {
  readonly directory: string
  readonly #options: LakeOptions

  constructor(directory: string, options: LakeOptions) {
    this.directory = directory
    this.#options = options
  }

  async datasets(): Promise<readonly DatasetName[]> {
    return listDatasets(this.directory)
  }

  /** A dataset's columns and size. Throws QUERY_TABLE_UNKNOWN, QUERY_DATASET_EMPTY or QUERY_DATASET_DAMAGED. */
  async describe(name: string): Promise<DatasetDescription> {
    const datasets = await this.datasets()
    const dataset = datasets.find((each) => each.name === name)
    if (dataset === undefined) throw new TableUnknownError({ table: name, datasets: datasets.map((each) => each.name) })
    const sql = `SELECT * FROM "${name.replaceAll('"', '""')}"`
    const columns = await this.#attempt(sql, {}, undefined, (session) => session.connection.describe(sql))
    const { files, rows, bytes } = await listDataset(dataset.folder, { pending: this.#options.pending ?? true })
    return { ...dataset, columns, files, ...(rows !== undefined && { rows }), ...(bytes !== undefined && { bytes }) }
  }

  /** Runs one reading statement. Its errors are the catalogue's QUERY_…; places count lines and columns of `sql` from 1. */
  async query(sql: string, limits: QueryLimits = {}): Promise<QueryResult> {
    requireReading(sql)
    let kept: QuerySession | undefined
    return this.#attempt(
      sql,
      limits,
      undefined,
      async (session) => {
        await session.check(sql)
        const statement = limits.maxRows === undefined ? sql : await session.limited(sql, limits.maxRows + 1)
        // Not streamed: a streamed result that fails midway ends like one that is complete.
        const result = await session.connection.native.run(statement)
        const columns = result.columnNames().map((name, index) => ({ name, type: String(result.columnType(index)) }))
        const total = result.rowCount
        const rowCount = Math.min(total, limits.maxRows ?? total)
        kept = session
        return {
          columns,
          rowCount,
          truncated: total > rowCount,
          chunks: () => firstRows(result.yieldRowsJson(), rowCount),
          close: () => session.close(),
        }
      },
      (session) => session === kept,
    )
  }

  /** Writes a query's result to a file, whole or not at all; gives the number of rows. */
  async export(sql: string, output: { format: ResultFormat; to: string }, limits: QueryLimits = {}): Promise<number> {
    requireReading(sql)
    const to = resolve(output.to)
    const unfinished = `${to}.${randomUUID()}.tmp`
    try {
      const rows = await this.#attempt(sql, limits, unfinished, async (session) => {
        await session.check(sql)
        const query = await session.define(sql)
        const columns = await session.connection.describe(query)
        return session.connection.copy(planResultCopy(query, columns, output.format, unfinished))
      })
      await rename(unfinished, to)
      return rows
    } catch (error) {
      await rm(unfinished, { force: true })
      throw outputFailure(error, to)
    }
  }

  /** Runs `work` in a session of its own, again if a file moved; `keeps` says whether the session outlives it. */
  async #attempt<T>(
    sql: string,
    limits: QueryLimits,
    output: string | undefined,
    work: (session: QuerySession) => Promise<T>,
    keeps: (session: QuerySession) => boolean = () => false,
  ): Promise<T> {
    const datasets = await this.datasets()
    const deadline = limits.timeoutMs === undefined ? undefined : AbortSignal.timeout(limits.timeoutMs)
    const stop = AbortSignal.any([deadline, limits.signal].filter((signal) => signal !== undefined))
    let missed = { message: '', times: 0 }
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(sql, datasets, output, stop, work, keeps)
      } catch (error) {
        if (limits.signal?.aborted) throw new QueryCancelledError({}, { cause: error })
        if (deadline?.aborted) throw new QueryTimeoutError({ timeoutMs: limits.timeoutMs ?? 0 }, { cause: error })
        if (error instanceof HeadraceError) throw error
        const failure = queryFailureOf(error)
        if (!isFileMissing(failure) || (output !== undefined && failure.message.includes(output))) {
          throw translateFailure(
            error,
            sql,
            datasets.map((dataset) => dataset.name),
          )
        }
        const { message } = failure
        missed = { message, times: message === missed.message ? missed.times + 1 : 1 }
        if (missed.times === ATTEMPTS_FOR_ONE_FILE || attempt === ATTEMPTS) throw missingFile(message, datasets, error)
        await sleep(RETRY_MS)
      }
    }
  }

  async #once<T>(
    sql: string,
    datasets: readonly DatasetName[],
    output: string | undefined,
    stop: AbortSignal,
    work: (session: QuerySession) => Promise<T>,
    keeps: (session: QuerySession) => boolean,
  ): Promise<T> {
    stop.throwIfAborted()
    const session = await QuerySession.open(sql, datasets, {
      ...this.#options,
      lakeDirectory: this.directory,
      pending: this.#options.pending ?? true,
      ...(output !== undefined && { output }),
    })
    const interrupt = (): void => session.connection.interrupt()
    stop.addEventListener('abort', interrupt)
    try {
      // The signal may have come while the session was made, when there was nothing to interrupt.
      stop.throwIfAborted()
      return await work(session)
    } catch (error) {
      throw session.unusable.get(queryFailureOf(error).table?.toLowerCase() ?? '') ?? error
    } finally {
      stop.removeEventListener('abort', interrupt)
      if (!keeps(session)) session.close()
    }
  }
}

function planResultCopy(query: string, columns: readonly Field[], format: ResultFormat, to: string): string {
  if (format === 'parquet') {
    // Without the statistics, so that the answer is a count as for the other formats.
    return planCopy(query, columns, { format, to }).replace(', RETURN_STATS)', ', USE_TMP_FILE false)')
  }
  const settings = { csv: 'FORMAT csv, HEADER true', json: 'FORMAT json, ARRAY true', ndjson: 'FORMAT json' }[format]
  return `COPY (${query}) TO ${quoteLiteral(to)} (${settings}, USE_TMP_FILE false)`
}

async function* firstRows(
  chunks: AsyncIterable<Json[][]>,
  count: number,
): AsyncGenerator<readonly (readonly Json[])[]> {
  let left = count
  for await (const rows of chunks) {
    if (left <= 0) return
    yield rows.length <= left ? rows : rows.slice(0, left)
    left -= rows.length
  }
}

function missingFile(message: string, datasets: readonly DatasetName[], cause: unknown): HeadraceError {
  const dataset = datasets.find(({ folder }) => message.includes(`${folder}/`))?.name ?? 'unknown'
  return new DatasetDamagedError({ dataset, reason: message }, { cause })
}

function outputFailure(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const reason = error instanceof Error ? error.message : String(error)
  const isOurs = error instanceof HeadraceError && !reason.includes(`${path}.`)
  if (isOurs) return error
  return new QueryOutputError({ path, reason: code.startsWith('E') ? reason : plainReason(reason) }, { cause: error })
}

function plainReason(text: string): string {
  return /: ([^:]+)$/.exec(text)?.[1] ?? text
}
