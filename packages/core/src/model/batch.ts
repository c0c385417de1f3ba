import type { Json } from './json.ts'

/** A column: its name and its DuckDB type as DuckDB prints it (`VARCHAR`, `DECIMAL(18,3)`, `TIMESTAMP` …). */
export interface Field {
  readonly name: string
  readonly type: string
}

/** `pipeline/incarnation/sink/sequence`: the same rows for ever, so that publishing them twice can be noticed. */
export interface BatchId {
  readonly pipeline: string
  /** A random id made with the state file: another data folder, or a state begun afresh, has another one. */
  readonly incarnation: string
  readonly sink: string
  /** Counts this sink's batches without gaps, from 1. */
  readonly sequence: number
}

/** One row as plain values: BIGINT, DECIMAL and TIMESTAMP as strings in DuckDB's text form, never rounded. */
export type Row = Readonly<Record<string, Json>>

export interface ExportOptions {
  readonly format: 'parquet' | 'csv' | 'ndjson'
  /** A file; with `partitionBy` a folder that does not exist yet. */
  readonly to: string
  /** Only these of the batch's files, in this order; all of them unless given. */
  readonly files?: readonly StagedFile[]
  /** SQL expressions for the columns to write, over the batch's own columns; all of them unless given. */
  readonly select?: readonly string[]
  /** Hive partitions: `name=value` folders below `to`. The expression is over the batch's columns. */
  readonly partitionBy?: readonly { readonly name: string; readonly expression: string }[]
  /** Parquet only. */
  readonly compression?: 'snappy' | 'zstd' | 'gzip' | 'uncompressed'
}

export interface ExportedFile {
  readonly path: string
  readonly rows: number
  readonly bytes: number
  /** Partition values by name, in the order of `partitionBy`. */
  readonly partition: Readonly<Record<string, string>>
}

/** A staged local file of a batch. */
export interface StagedFile {
  readonly path: string
  readonly rows: number
  readonly bytes: number
  readonly partition: Readonly<Record<string, string>>
}

/** Rows that are committed and wait for their sink, in local files. Order of rows: that of `files`, then within the file. */
export interface Batch {
  readonly id: BatchId
  /** As it was when the batch was made. */
  readonly schema: readonly Field[]
  readonly rowCount: number
  readonly files: readonly StagedFile[]
  /** No attempt to publish it was ever made: a target that holds a batch of this number holds that of a newer state (SINK_AHEAD). */
  readonly untried: boolean
  /** One object per row: for low-volume sinks. */
  rows(): AsyncIterable<Row>
  /** The batch's rows written anew, as one file (or one per partition): to merge fragments, or to stream CSV into a COPY. */
  export(options: ExportOptions): Promise<readonly ExportedFile[]>
}
