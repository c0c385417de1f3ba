import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Connection, Database, quoteLiteral, timestampOfMs } from '../duckdb/index.ts'
import type { Batch, Field, Sink, Staging } from '../model/index.ts'
import { syncPath } from './staging.ts'

/** The name under which dead letters go through the outbox, like the rows of any sink; no sink of a file can have it. */
export const DEAD_LETTERS = '_dead-letters'

/** One record (or row) that no sink will hold, with all that is needed to see why and to send it again. */
export interface DeadLetter {
  /** Partition and ordinal of the record; for a row that a target refused: the sink and the row's number in its batch. */
  readonly partition: string
  readonly ordinal: number
  /** The record's own timestamp, ms; null for rows. */
  readonly timestamp: number | null
  readonly key: Uint8Array | null
  /** The record's value as it came, byte for byte; for a row its JSON. Null for a null value. */
  readonly value: Uint8Array | null
  readonly code: string
  readonly reason: string
  /** Where it was rejected: `decode`, `watermark`, the window's name, or the sink's. */
  readonly step: string
}

export const DEAD_LETTER_SCHEMA: readonly Field[] = [
  { name: 'partition', type: 'VARCHAR' },
  { name: 'ordinal', type: 'BIGINT' },
  { name: 'timestamp', type: 'TIMESTAMP' },
  { name: 'key', type: 'BLOB' },
  { name: 'value', type: 'BLOB' },
  { name: 'code', type: 'VARCHAR' },
  { name: 'reason', type: 'VARCHAR' },
  { name: 'step', type: 'VARCHAR' },
  { name: 'epoch', type: 'BIGINT' },
  { name: 'at', type: 'TIMESTAMP' },
]

export function deadLetterStaging(pipelineDirectory: string): Staging & { readonly directory: string } {
  return { format: 'parquet', directory: join(pipelineDirectory, 'outbox'), compression: 'zstd' }
}

/** Puts dead letters into a temp table; gives the SELECT that stages them. */
export async function collectDeadLetters(
  connection: Connection,
  letters: readonly DeadLetter[],
  epoch: number,
  clock: number,
): Promise<string> {
  await connection.run(
    'CREATE OR REPLACE TEMP TABLE _dead (partition VARCHAR, ordinal BIGINT, ts DOUBLE, key BLOB, value BLOB, code VARCHAR, reason VARCHAR, step VARCHAR)',
  )
  await connection.append('_dead', [
    { type: 'VARCHAR', values: letters.map((letter) => letter.partition) },
    { type: 'BIGINT', values: letters.map((letter) => letter.ordinal) },
    { type: 'DOUBLE', values: letters.map((letter) => letter.timestamp) },
    { type: 'BLOB', values: letters.map((letter) => letter.key) },
    { type: 'BLOB', values: letters.map((letter) => letter.value) },
    { type: 'VARCHAR', values: letters.map((letter) => letter.code) },
    { type: 'VARCHAR', values: letters.map((letter) => letter.reason) },
    { type: 'VARCHAR', values: letters.map((letter) => letter.step) },
  ])
  const times = { timestamp: timestampOfMs('ts'), at: timestampOfMs(`${clock}::DOUBLE`) }
  return `SELECT partition, ordinal, ${times.timestamp} AS timestamp, key, value, code, reason, step, ${epoch}::BIGINT AS epoch, ${times.at} AS "at" FROM _dead`
}

/** Publishes dead letters as Parquet files of the pipeline's own folder, a file a batch. */
export class DeadLetterSink implements Sink {
  readonly #folder: string

  constructor(pipelineDirectory: string) {
    this.#folder = deadLetterFolder(pipelineDirectory)
  }

  async connect(): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
  }

  async publish(batch: Batch): Promise<void> {
    for (const [number, file] of batch.files.entries()) {
      const target = join(
        this.#folder,
        `${batch.id.incarnation}-${String(batch.id.sequence).padStart(9, '0')}-${number}.parquet`,
      )
      const there = await stat(target).catch(() => undefined)
      if (there === undefined) await this.#place(file.path, target, batch.untried)
    }
    await syncPath(this.#folder)
  }

  async close(): Promise<void> {}

  /** Neither here nor there: dead letters that were published already, and that someone has cleared away since. */
  async #place(staged: string, target: string, untried: boolean): Promise<void> {
    try {
      await rename(staged, target)
    } catch (error) {
      if (untried || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

function deadLetterFolder(pipelineDirectory: string): string {
  return join(pipelineDirectory, 'dead-letters')
}

/** How many dead letters there are for each code. */
export interface DeadLetterSummary {
  readonly code: string
  readonly step: string
  readonly count: number
  readonly firstAt: string
  readonly lastAt: string
  readonly example: string
}

export interface StoredDeadLetter {
  readonly partition: string
  readonly ordinal: string
  readonly timestamp: string | null
  readonly keyBase64: string | null
  readonly valueBase64: string | null
  readonly code: string
  readonly reason: string
  readonly step: string
  readonly epoch: string
  readonly at: string
}

/** The dead letters of a pipeline, while it runs or after; reads only published files. */
export class DeadLetters {
  readonly #folder: string

  constructor(pipelineDirectory: string) {
    this.#folder = deadLetterFolder(pipelineDirectory)
  }

  async summary(): Promise<DeadLetterSummary[]> {
    const rows = await this.#query<Record<string, string>>(
      `SELECT code, step, count(*)::VARCHAR AS count, min("at")::VARCHAR AS first_at, max("at")::VARCHAR AS last_at, min(reason) AS example
       FROM letters GROUP BY code, step ORDER BY count(*) DESC, code, step`,
    )
    return rows.map((row) => ({
      code: row.code as string,
      step: row.step as string,
      count: Number(row.count),
      firstAt: row.first_at as string,
      lastAt: row.last_at as string,
      example: row.example as string,
    }))
  }

  /** Dead letters in the order in which they came, newest last. */
  async list(options: { limit: number; offset?: number; code?: string }): Promise<StoredDeadLetter[]> {
    const where = options.code === undefined ? '' : `WHERE code = ${quoteLiteral(options.code)}`
    return this.#query<StoredDeadLetter>(
      `SELECT partition, ordinal::VARCHAR AS ordinal, timestamp::VARCHAR AS timestamp, base64(key) AS "keyBase64",
              base64(value) AS "valueBase64", code, reason, step, epoch::VARCHAR AS epoch, "at"::VARCHAR AS "at"
       FROM letters ${where} ORDER BY letters.epoch, letters.partition, letters.ordinal LIMIT ${options.limit} OFFSET ${options.offset ?? 0}`,
    )
  }

  async #query<R>(sql: string): Promise<R[]> {
    const files = (await readdir(this.#folder).catch(() => [])).filter((name) => name.endsWith('.parquet'))
    if (files.length === 0) return []
    const database = await Database.open()
    try {
      const connection = await database.connect()
      const list = files.map((name) => quoteLiteral(join(this.#folder, name))).join(', ')
      return await connection.rows<R>(`WITH letters AS (SELECT * FROM read_parquet([${list}])) ${sql}`)
    } finally {
      database.close()
    }
  }
}

export function openDeadLetters(pipelineDirectory: string): DeadLetters {
  return new DeadLetters(pipelineDirectory)
}
