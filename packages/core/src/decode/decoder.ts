import type { Connection } from '../duckdb/index.ts'
import type { EpochRecords } from '../model/epoch-records.ts'
import type { Field, MetadataColumn } from '../model/index.ts'

/**
 * What a decoder needs for one epoch.
 *
 * Decode before BEGIN: DuckDB aborts a whole transaction when one of its statements fails, and the fast path finds out by
 * such a failure that an epoch holds bad records. A temp table needs no transaction: nothing of it outlives the session.
 */
export interface DecodeRequest {
  readonly connection: Connection
  /** The temp table to make (CREATE OR REPLACE TEMP TABLE): declared columns in order, then the metadata columns in order. */
  readonly table: string
  readonly columns: readonly Field[]
  readonly required: readonly string[]
  readonly metadata: readonly MetadataColumn[]
  readonly records: EpochRecords
  /** An empty file's path that the decoder may write and must leave closed: on tmpfs where there is room. */
  readonly spoolFile: string
}

export interface RejectedRecord {
  /** Record number within the epoch (`EpochRecords`). */
  readonly record: number
  /** A code of the catalogue: RECORD_MALFORMED, RECORD_NOT_UTF8, RECORD_WRONG_TYPE … */
  readonly code: string
  /** For a person: which column, which text, why. */
  readonly reason: string
}

export interface Decoded {
  /** Rows in the table. Row i (DuckDB's rowid, from 0) came from record `recordOfRow[i]`, or from record i where that is undefined. */
  readonly rows: number
  /** Ascending. */
  readonly recordOfRow?: Uint32Array
  readonly rejected: readonly RejectedRecord[]
}

/** Turns an epoch's bytes into rows. Every record either is one row or is rejected; nothing is lost or made up. */
export interface Decoder {
  decode(request: DecodeRequest): Promise<Decoded>
}
