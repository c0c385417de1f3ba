import type { Database } from '../duckdb/index.ts'
import type { Batch, Field, StagedFile, Staging } from '../model/index.ts'
import { StagedBatch } from './batch-files.ts'
import type { FragmentRecord, SinkCheckpoint } from './state.ts'

/** Staging with its folder decided. */
export type SinkStaging = Staging & { readonly directory: string }

interface QueuedBatch {
  readonly sequence: number
  readonly fragments: FragmentRecord[]
  rows: number
  bytes: number
}

/**
 * The batches of one sink between commit and publication: which is open, which are closed and wait, which are published
 * but not yet forgotten by a commit. Bookkeeping only; the epoch writes it down, the publisher empties it.
 */
export class SinkQueue {
  readonly name: string
  readonly staging: SinkStaging
  /** Closed and committed batches, oldest first. */
  readonly #closed: QueuedBatch[] = []
  #open: QueuedBatch
  #openedAt: number | null
  /** Batches before this one are closed by a commit; the fragments of epochs up to this one are named by a commit. */
  #committed: { openSequence: number; epoch: number }
  /** The last batch that was tried, in this run or, as far as the state can tell, in one before. */
  #triedUpTo: number
  #publishedUpTo = 0
  #forgottenUpTo = 0
  #forgotten: FragmentRecord[] = []

  constructor(
    name: string,
    staging: SinkStaging,
    fragments: readonly FragmentRecord[],
    checkpoint: SinkCheckpoint | undefined,
  ) {
    this.name = name
    this.staging = staging
    const openSequence = checkpoint?.openSequence ?? 1
    this.#open = queuedBatch(openSequence, [])
    this.#openedAt = checkpoint?.openedAt ?? null
    this.#triedUpTo = openSequence - 1
    this.#committed = { openSequence, epoch: fragments.reduce((last, { epoch }) => Math.max(last, epoch), 0) }
    for (const fragment of fragments) {
      if (fragment.sequence !== this.#closed.at(-1)?.sequence && fragment.sequence < openSequence) {
        this.#closed.push(queuedBatch(fragment.sequence, []))
      }
      addTo(fragment.sequence < openSequence ? (this.#closed.at(-1) as QueuedBatch) : this.#open, fragment)
    }
  }

  get pendingBytes(): number {
    return this.#closed.reduce((sum, batch) => sum + batch.bytes, this.#open.bytes)
  }

  get pendingBatches(): number {
    return this.#closed.length + (this.#open.rows > 0 ? 1 : 0)
  }

  /** The last epoch of which this sink holds everything, given the last one committed. */
  durableEpoch(committed: number): number {
    const first = this.#closed[0]?.fragments[0] ?? this.#open.fragments[0]
    return first === undefined ? committed : first.epoch - 1
  }

  /** The schema of the open batch, if it has rows: rows of another schema need another batch. */
  get openSchema(): readonly Field[] | undefined {
    return this.#open.fragments[0]?.schema
  }

  /** Adds an epoch's files to the open batch; part of the epoch's transaction, so the records go into the state as well. */
  add(epoch: number, clock: number, schema: readonly Field[], files: readonly StagedFile[]): FragmentRecord[] {
    const records = files.map((file) => ({ ...file, sink: this.name, sequence: this.#open.sequence, epoch, schema }))
    for (const record of records) addTo(this.#open, record)
    if (records.length > 0) this.#openedAt ??= clock
    return records
  }

  /** Whether the open batch has reached one of its limits. */
  due(clock: number): boolean {
    if (this.#open.fragments.length === 0) return false
    const { roll } = this.staging
    if (roll === undefined) return true
    return (
      (roll.rows !== undefined && this.#open.rows >= roll.rows) ||
      (roll.bytes !== undefined && this.#open.bytes >= roll.bytes) ||
      (roll.everyMs !== undefined && clock >= (this.#openedAt ?? clock) + roll.everyMs)
    )
  }

  /** When the open batch must close by time, ms; undefined for never. */
  get dueAt(): number | undefined {
    if (this.#open.fragments.length === 0 || this.#openedAt === null) return undefined
    const { roll } = this.staging
    if (roll === undefined) return this.#openedAt
    return roll.everyMs === undefined ? undefined : this.#openedAt + roll.everyMs
  }

  /** Freezes the open batch. `next` gives it out only once the transaction that says so has been committed. */
  close(): void {
    if (this.#open.fragments.length === 0) return
    this.#closed.push(this.#open)
    this.#open = queuedBatch(this.#open.sequence + 1, [])
    this.#openedAt = null
  }

  /** The transaction is committed, and with it all that was added and closed. */
  committed(epoch: number): void {
    this.#committed = { openSequence: this.#open.sequence, epoch }
  }

  checkpoint(): SinkCheckpoint {
    return { openSequence: this.#open.sequence, openedAt: this.#openedAt }
  }

  /** The oldest batch that a commit has closed and the sink does not hold. */
  next(): QueuedBatch | undefined {
    const oldest = this.#closed[0]
    return oldest !== undefined && oldest.sequence < this.#committed.openSequence ? oldest : undefined
  }

  get triedUpTo(): number {
    return this.#triedUpTo
  }

  /** The oldest closed batch is given to its sink. */
  trying(): void {
    this.#triedUpTo = Math.max(this.#triedUpTo, this.#closed[0]?.sequence ?? 0)
  }

  /** The sink holds the oldest closed batch. */
  published(): void {
    const batch = this.#closed.shift()
    if (batch === undefined) return
    this.#publishedUpTo = batch.sequence
    this.#forgotten.push(...batch.fragments)
  }

  /** The oldest closed batch was staged again, without the rows that the target refuses. */
  restaged(fragments: readonly FragmentRecord[]): void {
    const batch = this.#closed[0]
    if (batch === undefined) return
    this.#closed[0] = queuedBatch(batch.sequence, fragments)
  }

  /** Up to which sequence the next commit can forget; undefined when there is nothing to forget. */
  get forgettable(): number | undefined {
    return this.#publishedUpTo > this.#forgottenUpTo ? this.#publishedUpTo : undefined
  }

  /** What the sink holds of batches after `sequence` that the state still counts as waiting. */
  publishedAfter(sequence: number): { rows: number; batches: number } {
    const held = this.#forgotten.filter((fragment) => fragment.sequence > sequence)
    return {
      rows: held.reduce((sum, { rows }) => sum + rows, 0),
      batches: new Set(held.map((fragment) => fragment.sequence)).size,
    }
  }

  /** After the commit that forgot up to `sequence`: the files that nobody needs any more. */
  forgot(sequence: number): StagedFile[] {
    this.#forgottenUpTo = sequence
    const gone = this.#forgotten.filter((fragment) => fragment.sequence <= sequence)
    this.#forgotten = this.#forgotten.filter((fragment) => fragment.sequence > sequence)
    return gone
  }

  /** Everything committed that the sink does not hold yet, oldest first. */
  pending(identity: { pipeline: string; incarnation: string }, database: Database): Batch[] {
    const isCommitted = ({ epoch }: FragmentRecord) => epoch <= this.#committed.epoch
    return [...this.#closed, this.#open]
      .map(({ sequence, fragments }) => queuedBatch(sequence, fragments.filter(isCommitted)))
      .filter(({ fragments }) => fragments.length > 0)
      .map((batch) => this.batch(batch, identity, database))
  }

  batch(queued: QueuedBatch, identity: { pipeline: string; incarnation: string }, database: Database): Batch {
    return new StagedBatch({
      id: { ...identity, sink: this.name, sequence: queued.sequence },
      schema: queued.fragments[0]?.schema ?? [],
      rowCount: queued.rows,
      untried: queued.sequence > this.#triedUpTo,
      files: queued.fragments,
      format: this.staging.format,
      database,
    })
  }
}

function queuedBatch(sequence: number, fragments: readonly FragmentRecord[]): QueuedBatch {
  const batch: QueuedBatch = { sequence, fragments: [], rows: 0, bytes: 0 }
  for (const fragment of fragments) addTo(batch, fragment)
  return batch
}

function addTo(batch: QueuedBatch, fragment: FragmentRecord): void {
  batch.fragments.push(fragment)
  batch.rows += fragment.rows
  batch.bytes += fragment.bytes
}
