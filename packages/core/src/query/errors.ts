import { defineError } from '../errors/index.ts'

/** A place in the SQL text; both count from 1. */
export interface SqlPlace {
  readonly line?: number
  readonly column?: number
}

export class QuerySyntaxError extends defineError<SqlPlace & { reason: string }>({
  code: 'QUERY_SYNTAX',
  fault: 'user',
  retry: 'never',
  message: (d) => `${at(d)}${d.reason}`,
  hint: () => 'The SQL is DuckDB’s: one SELECT (or WITH, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN).',
  example: { line: 1, column: 8, reason: 'syntax error at or near "form"' },
}) {}

export class QueryInvalidError extends defineError<SqlPlace & { reason: string; advice?: string }>({
  code: 'QUERY_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `${at(d)}${d.reason}`,
  hint: (d) => d.advice ?? '`DESCRIBE <table>` shows a dataset’s columns and their types.',
  example: { line: 1, column: 8, reason: 'Referenced column "unoo" not found in FROM clause' },
}) {}

export class TableUnknownError extends defineError<SqlPlace & { table: string; datasets: readonly string[] }>({
  code: 'QUERY_TABLE_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `${at(d)}there is no dataset "${d.table}"`,
  hint: (d) =>
    d.datasets.length === 0
      ? 'The lake has no datasets yet: run a pipeline with a parquet sink first, or give its data folder with --data.'
      : `The datasets are ${d.datasets.join(', ')}.`,
  example: { line: 1, column: 15, table: 'trade', datasets: ['trades', 'trades_per_minute'] },
}) {}

export class DatasetEmptyError extends defineError<{ dataset: string }>({
  code: 'QUERY_DATASET_EMPTY',
  fault: 'user',
  retry: 'never',
  message: (d) => `the dataset "${d.dataset}" has no rows yet, so its columns are not known`,
  hint: () => 'Wait for the first window to close, or run its pipeline with --drain.',
  example: { dataset: 'trades_per_minute' },
}) {}

export class QueryNotAllowedError extends defineError<{ reason: string }>({
  code: 'QUERY_NOT_ALLOWED',
  fault: 'user',
  retry: 'never',
  message: (d) => `this query is not allowed: ${d.reason}`,
  hint: () => 'Queries read the datasets of the lake and nothing else; results are written with --output.',
  example: { reason: 'it begins with COPY; only SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN are' },
}) {}

export class QueryFailedError extends defineError<SqlPlace & { reason: string }>({
  code: 'QUERY_FAILED',
  fault: 'user',
  retry: 'never',
  message: (d) => `the query failed: ${d.reason}`,
  hint: () => 'TRY_CAST and nullif guard against values that do not fit; a LIMIT or an aggregate needs less memory.',
  example: { reason: "Could not convert string 'x' to INT32" },
}) {}

export class QueryTimeoutError extends defineError<{ timeoutMs: number }>({
  code: 'QUERY_TIMEOUT',
  fault: 'user',
  retry: 'never',
  message: (d) => `the query took longer than ${d.timeoutMs / 1000} s and was stopped`,
  hint: () => 'Read less: a condition on a partition column, fewer columns, an aggregate.',
  example: { timeoutMs: 30_000 },
}) {}

export class QueryCancelledError extends defineError<Record<never, never>>({
  code: 'QUERY_CANCELLED',
  fault: 'user',
  retry: 'never',
  message: () => 'the query was cancelled',
  hint: () => 'Nothing was changed.',
  example: {},
}) {}

export class DatasetDamagedError extends defineError<{ dataset: string; reason: string }>({
  code: 'QUERY_DATASET_DAMAGED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the dataset "${d.dataset}" cannot be read: ${d.reason}`,
  hint: () => 'A file that its manifest lists was removed or changed. Restore it from a copy.',
  example: { dataset: 'trades', reason: 'No files found that match the pattern "…/trades-1.parquet"' },
}) {}

export class QueryOutputError extends defineError<{ path: string; reason: string }>({
  code: 'QUERY_OUTPUT_FAILED',
  fault: 'user',
  retry: 'never',
  message: (d) => `the result cannot be written to ${d.path}: ${d.reason}`,
  hint: () => 'Check that the folder exists, is writable and has room.',
  example: { path: 'result.parquet', reason: 'No such file or directory' },
}) {}

function at({ line, column }: SqlPlace): string {
  return line === undefined ? '' : `${line}:${column ?? 1}: `
}
