import type { StagedBatch } from '../engine/batch-files.ts'
import type { Batch, BatchId, Field, Row, Sink, Staging } from '../model/index.ts'
import type { BatchStager, ReadRow } from './sink-batches.ts'

/** What names the batches of one target: the sink's own context should carry the same pipeline and sink names. */
export const SINK_TEST_ID = { pipeline: 'conformance', incarnation: 'a1b2c3d4e5f60718', sink: 'under_test' } as const

/** An empty target that one test has for itself: a folder, a table. */
export interface SinkTarget {
  readonly staging: Staging
  /** A sink over the target as a new process would make it; not connected. With `crashAt`, publish throws there as if killed. */
  open(crashAt?: string): Sink
  /** All rows that a reader sees, in any order. */
  read(columns: readonly Field[]): Promise<readonly ReadRow[]>
  close(): Promise<void>
}

/** A target, and what tests do to it. */
export class SinkFixture {
  readonly #target: SinkTarget
  readonly #columns: readonly Field[]
  readonly #stager: BatchStager
  readonly #signal = new AbortController().signal

  constructor(target: SinkTarget, columns: readonly Field[], stager: BatchStager) {
    this.#target = target
    this.#columns = columns
    this.#stager = stager
  }

  /** A committed batch of what the queries give, one fragment each. */
  batch(sequence: number, fragments: readonly string[], id: Partial<BatchId> = {}): Promise<StagedBatch> {
    return this.#stager.stage({ ...SINK_TEST_ID, ...id, sequence }, this.#target.staging, this.#columns, fragments)
  }

  /** A batch that was committed with one row more than its files hold. */
  async incomplete(sequence: number, fragments: readonly string[]): Promise<Batch> {
    const batch = await this.batch(sequence, fragments)
    return this.#stager.reopen(batch, { rowCount: batch.rowCount + 1 })
  }

  /** The batch as the engine gives it out the first time. */
  untried(batch: StagedBatch): Batch {
    return this.#stager.reopen(batch, { untried: true })
  }

  /** Does something with a freshly connected sink, and closes it. */
  async connected<T>(work: (sink: Sink) => Promise<T>, crashAt?: string): Promise<T> {
    const sink = this.#target.open(crashAt)
    try {
      await sink.connect(this.#signal)
      return await work(sink)
    } finally {
      await sink.close()
    }
  }

  /** Publishes over a connection of its own. */
  publish(batch: Batch, options: { crashAt?: string; signal?: AbortSignal } = {}): Promise<void> {
    return this.connected((sink) => sink.publish(batch, options.signal ?? this.#signal), options.crashAt)
  }

  /** What a reader sees, by id, in the form of `Batch.rows()`. */
  async read(): Promise<Row[]> {
    return byId(await this.#stager.canonical(this.#columns, await this.#target.read(this.#columns)))
  }
}

export function byId(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => Number(a.id) - Number(b.id))
}

/** Rows with ids from `from` to `to` (exclusive) and a text each. */
export function numbers(from: number, to: number): string {
  return `SELECT range::INTEGER AS id, 'row ' || range AS text FROM range(${from}, ${to})`
}
