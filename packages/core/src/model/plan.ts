import type { Field } from './batch.ts'

/** Columns that a record has beside its value; SQL may name them, and only then are they carried. */
export type MetadataColumn =
  | '_partition'
  | '_offset'
  | '_timestamp'
  | '_key'
  | '_headers'
  | '_timestamp_type'
  | '_leader_epoch'

/** The hidden column by which rows of a per-row relation are known: the row's number in the epoch's input. */
export const ROW_COLUMN = '_row'

/** The hidden column of a window's state: how many input records went into the partial row. */
export const RECORDS_COLUMN = '_records'

/** The temp table of row numbers (`row BIGINT`) that a window must not take in this epoch. */
export const LATE_TABLE = '_late'

/** The relation that holds the decoded records of an epoch: its declared and metadata columns, and `_row`. */
export const INPUT_RELATION = 'input'

export interface EventTimePlan {
  readonly column: string
  readonly delayMs: number
  /** A time further than this beyond the record's own timestamp is a dead letter. */
  readonly maxAheadMs: number
  /** How long a partition must have been seen at its end before it stops holding the watermark back; undefined: for ever. */
  readonly idleTimeoutMs?: number
  /** What becomes of late rows; they are counted either way. */
  readonly late: 'deadLetters' | 'drop'
}

export interface InputPlan {
  /** Declared columns, in order. */
  readonly columns: readonly Field[]
  /** Declared columns that must not be null. */
  readonly required: readonly string[]
  readonly metadata: readonly MetadataColumn[]
  readonly eventTime?: EventTimePlan
}

/** A relation that is a plain SELECT over relations before it. The engine makes a temp view of it. */
export interface SelectPlan {
  readonly kind: 'select'
  readonly name: string
  /** One SELECT. When `perRow`, it also selects `_row`. */
  readonly sql: string
  /** What it gives, without hidden columns. */
  readonly columns: readonly Field[]
  /** Every row comes from exactly one input record, so that it can be told late. */
  readonly perRow: boolean
}

export interface TumblingWindow {
  readonly kind: 'tumble'
  readonly sizeMs: number
  readonly offsetMs: number
}

/** A windowed aggregation, kept as rows of partial aggregates (or of the window's own rows) in a state table. */
export interface WindowPlan {
  readonly kind: 'window'
  readonly name: string
  /** The per-row relation that it reads. */
  readonly upstream: string
  readonly window: TumblingWindow
  /** Name of the state table, unique in the pipeline; its columns, `window_start`, `window_end` (TIMESTAMP) and `_records` among them. */
  readonly stateTable: string
  readonly stateColumns: readonly Field[]
  /** SELECT of the state's columns, in order, from all rows of `upstream`. */
  readonly accumulate: string
  /** The same without the rows whose `_row` stands in the temp table `_late`. */
  readonly accumulateOnTime: string
  /**
   * SELECT of the final rows from the state table's rows with `window_end <= $1::TIMESTAMP`. With the parameter at
   * 'infinity' everything fires. It gives exactly `columns`.
   */
  readonly fire: string
  readonly columns: readonly Field[]
  /** `partials`: merged by ordinary aggregates. `rows`: the window keeps its rows and runs the user's SQL when it fires. */
  readonly strategy: 'partials' | 'rows'
  /** Things worth saying in `explain`: why rows are kept, where order matters. */
  readonly notes: readonly string[]
}

export type RelationPlan = SelectPlan | WindowPlan

export interface SinkPlan {
  readonly name: string
  readonly relation: string
  readonly columns: readonly Field[]
}

/** A pipeline after its SQL has been parsed, bound and split into what runs each epoch. Pure data. */
export interface PipelinePlan {
  readonly input: InputPlan
  /** In order: each reads only `input` and relations before it. */
  readonly relations: readonly RelationPlan[]
  readonly sinks: readonly SinkPlan[]
}
