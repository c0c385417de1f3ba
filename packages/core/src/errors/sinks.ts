import { defineError } from './define-error.ts'

interface Target {
  sink: string
  /** How the target is emptied, so that it can be written anew: `remove the folder …`, `run TRUNCATE …`. */
  reset: string
}

interface Mismatch extends Target {
  expected: number
  found: number
  incarnation: string
}

const RESET = 'remove the folder /data/lake/trades'

/** The target already holds a newer batch than the state is about to write: the state is an old copy. */
export class SinkAheadError extends defineError<Mismatch>({
  code: 'SINK_AHEAD',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `sink "${d.sink}" already holds batch ${d.found}, which this state has not published (its next one is ${d.expected}): the state is older than the target`,
  hint: (d) =>
    'The data folder was probably restored from an old copy, or two data folders write one target. Restore the newest one; or begin anew with an empty data folder and an empty target: ' +
    d.reset,
  example: { sink: 'postgres', expected: 4, found: 9, incarnation: '7f3a', reset: RESET },
}) {}

/** The target lacks batches that the state has published: the target is an old copy. */
export class SinkBehindError extends defineError<Mismatch>({
  code: 'SINK_BEHIND',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `sink "${d.sink}" holds batch ${d.found} as its last, but this state is about to publish batch ${d.expected}: batches in between are gone from the target`,
  hint: (d) =>
    'The target was probably emptied, or restored from an old copy. Restore the newest one; or begin anew with an empty data folder and an empty target: ' +
    d.reset,
  example: { sink: 'postgres', expected: 9, found: 4, incarnation: '7f3a', reset: RESET },
}) {}

/** Another incarnation of this pipeline wrote the target. */
export class SinkForeignError extends defineError<Target & { incarnation: string; found: string }>({
  code: 'SINK_FOREIGN',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `sink "${d.sink}" was last written by another state of this pipeline (incarnation ${d.found}, this one is ${d.incarnation})`,
  hint: (d) =>
    'The data folder was begun afresh, or two data folders write one target. Use the first one, give the sink another target, or empty this one: ' +
    d.reset,
  example: { sink: 'postgres', incarnation: '7f3a', found: '91bc', reset: RESET },
}) {}

export interface RejectedRow {
  /** Row number within the batch, from 0. */
  readonly row: number
  readonly reason: string
}

/** The target refuses these rows (NUL in text, overflow, a constraint). Nothing of the batch was written. */
export class RowsRejectedError extends defineError<{ sink: string; rows: readonly RejectedRow[] }>({
  code: 'SINK_ROWS_REJECTED',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `sink "${d.sink}" refuses ${d.rows.length} row(s), the first because: ${d.rows[0]?.reason ?? 'unknown'}`,
  hint: () => 'The rows are in the dead letters with this reason: `headrace dlq show`.',
  example: { sink: 'postgres', rows: [{ row: 17, reason: 'value out of range for type integer' }] },
}) {
  get rows(): readonly RejectedRow[] {
    return this.details.rows as readonly RejectedRow[]
  }
}
