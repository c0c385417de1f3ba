import type { Batch } from './batch.ts'

/** How the engine stages the rows of a sink before the commit. */
export interface Staging {
  readonly format: 'parquet' | 'ndjson'
  /** Absolute folder on the target's own file system, so that publishing is a rename; unset = below the data folder. */
  readonly directory?: string
  readonly partitionBy?: readonly { readonly name: string; readonly expression: string }[]
  readonly compression?: 'snappy' | 'zstd' | 'gzip' | 'uncompressed'
  /** When a batch closes; whichever comes first. Without any limit every epoch closes its own batch. */
  readonly roll?: { readonly rows?: number; readonly bytes?: number; readonly everyMs?: number }
}

/**
 * One external system being written. Publishing is the only step that leaves the machine, and it comes after the commit.
 */
export interface Sink {
  connect(signal: AbortSignal): Promise<void>
  /**
   * Makes the batch visible, even after a restart. Doing it again changes nothing. Throws `RowsRejectedError` having
   * written nothing; SINK_AHEAD, SINK_BEHIND or SINK_FOREIGN when the target's last batch id does not fit.
   */
  publish(batch: Batch, signal: AbortSignal): Promise<void>
  /**
   * Told after each commit which fragments wait unpublished, oldest first: a sink that can show committed rows early
   * (a folder read through its manifest) lists them; others leave this out.
   */
  pending?(batches: readonly Batch[]): Promise<void>
  close(): Promise<void>
}
