import { defineError } from './define-error.ts'

interface BatchName {
  /** `pipeline/incarnation/sink/sequence`. */
  batch: string
}

/** The staged files do not hold the rows that were committed: a file is gone or was changed by someone else. */
export class BatchIncompleteError extends defineError<BatchName & { expected: number; found: number }>({
  code: 'BATCH_INCOMPLETE',
  fault: 'external',
  retry: 'never',
  message: (d) => `batch ${d.batch} was committed with ${d.expected} rows, but its staged files hold ${d.found}`,
  hint: () => 'Files of the staging folder were removed or changed. Restore them, or start with a new data folder.',
  example: { batch: 'trades/7f3a/parquet/4', expected: 1200, found: 1100 },
}) {}

/** A staged file is missing or not readable. */
export class BatchUnreadableError extends defineError<BatchName & { reason: string }>({
  code: 'BATCH_UNREADABLE',
  fault: 'external',
  retry: 'never',
  message: (d) => `the staged files of batch ${d.batch} cannot be read: ${d.reason}`,
  hint: () =>
    'Files of the staging folder were removed or changed, or its whole target was. Restore them, or begin anew with an empty data folder and an empty target.',
  example: { batch: 'trades/7f3a/parquet/4', reason: 'No files found' },
}) {}

/** Writing a batch's rows anew failed; the cause says whether the disk is full, the folder not writable … */
export class BatchExportError extends defineError<BatchName & { reason: string }>({
  code: 'BATCH_EXPORT_FAILED',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `the rows of batch ${d.batch} cannot be written: ${d.reason}`,
  hint: () => 'Check that the folder exists and is writable, and that its disk has room.',
  example: { batch: 'trades/7f3a/parquet/4', reason: 'Cannot open file: Permission denied' },
}) {}
