import { randomBytes } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import {
  type AppendColumn,
  type Connection,
  Database,
  type DatabaseOptions,
  failureOf,
  quoteIdentifier,
} from '../duckdb/index.ts'
import { dataFolderFailure } from '../errors/index.ts'
import type { Field, PartitionClock, PipelinePlan, Position, StagedFile } from '../model/index.ts'
import { PipelineChangedError, PipelineRunningError, StateDamagedError } from './errors.ts'
import { makeFolder } from './make-folder.ts'

/** Everything small that an epoch's commit carries, as one JSON document: written whole, read once at start. */
export interface Checkpoint {
  readonly version: 1
  readonly incarnation: string
  readonly epoch: number
  /** The epoch's clock, ms: never less than the one before. */
  readonly clock: number
  readonly horizon: number | null
  readonly finished: boolean
  readonly positions: Readonly<Record<string, Position>>
  readonly clocks: Readonly<Record<string, PartitionClock>>
  readonly counts: CommittedCounts
  readonly sinks: Readonly<Record<string, SinkCheckpoint>>
  /** What each window's state was made by, to notice an edited file. */
  readonly windows: Readonly<Record<string, string>>
}

export interface SinkCheckpoint {
  /** The batch that takes the next rows; those before it are closed. */
  readonly openSequence: number
  /** When the open batch got its first rows (epoch clock, ms); null while it is empty. */
  readonly openedAt: number | null
}

export interface WindowTotals {
  accepted: number
  late: number
  behindHorizon: number
  fired: number
  windowsClosed: number
  rowsOut: number
}
interface SinkTotals {
  rows: number
  published: number
  rejected: number
  batches: number
}
export interface CommittedCounts {
  read: number
  readBytes: number
  /** Absent in states from before it was counted. */
  skipped?: number
  dead: number
  decoded: number
  windows: Record<string, WindowTotals>
  sinks: Record<string, SinkTotals>
}

/** A staged file that waits for its sink, as the state knows it. */
export interface FragmentRecord extends StagedFile {
  readonly sink: string
  readonly sequence: number
  readonly epoch: number
  readonly schema: readonly Field[]
}

const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS headrace;
  CREATE TABLE IF NOT EXISTS headrace.checkpoint (document VARCHAR NOT NULL);
  CREATE TABLE IF NOT EXISTS headrace.fragments (
    sink VARCHAR NOT NULL, sequence BIGINT NOT NULL, epoch BIGINT NOT NULL, number INTEGER NOT NULL,
    path VARCHAR NOT NULL, rows BIGINT NOT NULL, bytes BIGINT NOT NULL, partition VARCHAR NOT NULL, schema VARCHAR NOT NULL);
`

/** A DuckDB file shorter than its three header blocks has never held anything. */
const HEADER_BYTES = 3 * 4096

/** In the order of the table. */
const FRAGMENT_COLUMNS: readonly {
  readonly type: AppendColumn['type']
  readonly of: (fragment: FragmentRecord, number: number) => string | number
}[] = [
  { type: 'VARCHAR', of: ({ sink }) => sink },
  { type: 'BIGINT', of: ({ sequence }) => sequence },
  { type: 'BIGINT', of: ({ epoch }) => epoch },
  { type: 'INTEGER', of: (_, number) => number },
  { type: 'VARCHAR', of: ({ path }) => path },
  { type: 'BIGINT', of: ({ rows }) => rows },
  { type: 'BIGINT', of: ({ bytes }) => bytes },
  { type: 'VARCHAR', of: ({ partition }) => JSON.stringify(partition) },
  { type: 'VARCHAR', of: ({ schema }) => JSON.stringify(schema) },
]

/** A pipeline's state file: window state, checkpoint and outbox. DuckDB's lock on it is the lock on the pipeline. */
export class StateStore {
  readonly directory: string
  readonly connection: Connection
  readonly #database: Database
  readonly #file: string
  #inTransaction = false

  private constructor(directory: string, file: string, database: Database, connection: Connection) {
    this.directory = directory
    this.#file = file
    this.#database = database
    this.connection = connection
  }

  /** Opens or makes `directory/state.duckdb`. Throws PIPELINE_RUNNING while another process has it. */
  static async open(
    pipeline: string,
    directory: string,
    options: { threads?: number | undefined; memoryLimit?: string | undefined },
  ): Promise<StateStore> {
    const file = join(directory, 'state.duckdb')
    const spill = join(directory, 'spill')
    try {
      await makeFolder(directory)
      const database = await openOrBegin(file, {
        ...(options.threads === undefined ? {} : { threads: options.threads }),
        ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
        tempDirectory: spill,
        // Checkpoints happen between epochs, at a moment of our choice: the automatic one stalls a commit.
        settings: { checkpoint_threshold: '1TB' },
      })
      try {
        // The lock is ours: what lies there was spilled by a process that was killed.
        await rm(spill, { recursive: true, force: true })
        const connection = await database.connect()
        await connection.run(SCHEMA)
        return new StateStore(directory, file, database, connection)
      } catch (error) {
        database.close()
        throw error
      }
    } catch (error) {
      throw openError(error, pipeline, directory, file)
    }
  }

  /** The last committed checkpoint; undefined for a state that has committed nothing yet. */
  async load(): Promise<Checkpoint | undefined> {
    const row = await this.connection.row<{ document: string }>('SELECT document FROM headrace.checkpoint')
    return row === undefined ? undefined : (JSON.parse(row.document) as Checkpoint)
  }

  /** Makes the tables of the plan's windows, and refuses a state that has seen records through other windows. */
  async prepare(pipeline: string, plan: PipelinePlan, last: Checkpoint | undefined): Promise<void> {
    const made = windowFingerprints(plan)
    const begun = last !== undefined && last.epoch > 0 ? last : undefined
    for (const [name, fingerprint] of Object.entries(begun?.windows ?? {})) {
      if (made[name] === undefined) throw new PipelineChangedError({ pipeline, what: `window "${name}" is gone` })
      if (made[name] !== fingerprint)
        throw new PipelineChangedError({ pipeline, what: `window "${name}" is another one now` })
    }
    if (begun !== undefined) {
      for (const name of Object.keys(made)) {
        if (begun.windows[name] === undefined)
          throw new PipelineChangedError({ pipeline, what: `window "${name}" is new` })
      }
    }
    for (const relation of plan.relations) {
      if (relation.kind !== 'window') continue
      const columns = relation.stateColumns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`)
      const create = begun === undefined ? 'CREATE OR REPLACE TABLE' : 'CREATE TABLE IF NOT EXISTS'
      await this.connection.run(`${create} ${quoteIdentifier(relation.stateTable)} (${columns.join(', ')})`)
    }
  }

  /** Within the epoch's transaction. */
  async writeCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#assertInTransaction()
    await this.connection.run('DELETE FROM headrace.checkpoint')
    await this.connection.run('INSERT INTO headrace.checkpoint VALUES ($1)', [JSON.stringify(checkpoint)])
  }

  /** All fragments, in the order in which they were staged. */
  async fragments(): Promise<FragmentRecord[]> {
    const rows = await this.connection.rows<Record<string, string>>(
      'SELECT * FROM headrace.fragments ORDER BY sink, sequence, epoch, number',
    )
    return rows.map((row) => ({
      sink: row.sink as string,
      sequence: Number(row.sequence),
      epoch: Number(row.epoch),
      path: this.#absolute(row.path as string),
      rows: Number(row.rows),
      bytes: Number(row.bytes),
      partition: JSON.parse(row.partition as string) as Record<string, string>,
      schema: JSON.parse(row.schema as string) as Field[],
    }))
  }

  /** Within the epoch's transaction. */
  async addFragments(fragments: readonly FragmentRecord[]): Promise<void> {
    this.#assertInTransaction()
    if (fragments.length === 0) return
    // A batch may have thousands of partitions, and a statement for each would take seconds.
    await this.connection.append(
      'fragments',
      FRAGMENT_COLUMNS.map(({ type, of }) => ({
        type,
        values: fragments.map((fragment, number) => of({ ...fragment, path: this.#stored(fragment.path) }, number)),
      })),
      'headrace',
    )
  }

  /** Within the epoch's transaction: the sink holds its batches up to `sequence`. */
  async forgetFragments(sink: string, sequence: number): Promise<void> {
    this.#assertInTransaction()
    await this.connection.run('DELETE FROM headrace.fragments WHERE sink = $1 AND sequence <= $2', [sink, sequence])
  }

  /** Within a transaction: one batch is staged again with other files. */
  async dropBatch(sink: string, sequence: number): Promise<void> {
    this.#assertInTransaction()
    await this.connection.run('DELETE FROM headrace.fragments WHERE sink = $1 AND sequence = $2', [sink, sequence])
  }

  /** Runs `work` inside one transaction; rolls back and rethrows when it fails. */
  async transaction<T>(work: () => Promise<T>, beforeCommit?: () => void): Promise<T> {
    await this.connection.run('BEGIN')
    this.#inTransaction = true
    let result: T
    try {
      result = await work()
    } catch (error) {
      this.#inTransaction = false
      await this.connection.run('ROLLBACK').catch((rollback: unknown) => {
        // DuckDB has already rolled back when the commit itself or a fatal error ended the transaction.
        if (failureOf(rollback).kind !== 'TransactionContext') throw rollback
      })
      throw error
    }
    beforeCommit?.()
    this.#inTransaction = false
    await this.connection.run('COMMIT')
    return result
  }

  /** Outside of one, a statement would be a commit of its own: half an epoch. */
  #assertInTransaction(): void {
    if (!this.#inTransaction) throw new Error('the state is written outside of a transaction')
  }

  /** The same state over a connection of its own, with temp tables and views of its own. */
  async lane(): Promise<StateStore> {
    return new StateStore(this.directory, this.#file, this.#database, await this.#database.connect())
  }

  /** Folds the write-ahead log into the file once it is larger than `walBytes`. Only between epochs. */
  async checkpointIfLarge(walBytes: number): Promise<void> {
    const wal = await stat(`${this.#file}.wal`).catch(() => undefined)
    if (wal !== undefined && wal.size >= walBytes) await this.connection.run('CHECKPOINT')
  }

  /** Paths within the data folder are stored relative, so that it can be moved. */
  #stored(path: string): string {
    const isOutside = relative(join(this.directory, '..', '..'), path).startsWith('..')
    return isOutside ? path : relative(this.directory, path)
  }

  #absolute(path: string): string {
    return resolve(this.directory, path)
  }

  close(): void {
    this.connection.close()
    this.#database.close()
  }
}

export function newIncarnation(): string {
  return randomBytes(8).toString('hex')
}

/** What makes a window's state what it is: change any of it and the kept rows mean something else. */
export function windowFingerprints(plan: PipelinePlan): Record<string, string> {
  const fingerprints: Record<string, string> = {}
  for (const relation of plan.relations) {
    if (relation.kind !== 'window') continue
    const columns = relation.stateColumns.map((column) => `${column.name} ${column.type}`).join(', ')
    fingerprints[relation.name] =
      `${JSON.stringify(relation.window)} (${columns}) ${relation.accumulate} ${relation.fire}`
  }
  return fingerprints
}

/** Opens a state file. One whose making was cut short, by a full disk or a kill, is made anew. */
async function openOrBegin(file: string, options: DatabaseOptions): Promise<Database> {
  try {
    return await Database.open(file, options)
  } catch (error) {
    if (!/not a valid DuckDB database/i.test(failureOf(error).message) || !(await isUnfinished(file))) throw error
    await rm(file)
    return await Database.open(file, options)
  }
}

async function isUnfinished(file: string): Promise<boolean> {
  const wal = await stat(`${file}.wal`).catch(() => undefined)
  return (wal?.size ?? 0) === 0 && (await stat(file)).size < HEADER_BYTES
}

function openError(error: unknown, pipeline: string, directory: string, file: string): unknown {
  const refused = dataFolderFailure(error, directory)
  if (refused !== undefined) return refused
  const failure = failureOf(error)
  if (/Conflicting lock|Could not set lock|already opened|already attached/i.test(failure.message)) {
    const pid = /PID (\d+)/.exec(failure.message)?.[1]
    return new PipelineRunningError({ pipeline, pid: pid === undefined ? undefined : Number(pid) }, { cause: error })
  }
  if (failure.kind === 'IO' || failure.kind === 'Serialization' || failure.kind === 'Fatal') {
    return new StateDamagedError({ file, reason: failure.message }, { cause: error })
  }
  return error
}
