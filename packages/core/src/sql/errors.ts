import { defineError } from '../errors/index.ts'

/** DuckDB's parser refuses the text. */
export class SqlSyntaxError extends defineError<{ step: string; reason: string }>({
  code: 'SQL_SYNTAX',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": ${d.reason}`,
  hint: () => 'The SQL is DuckDB’s, with Flink’s window functions in FROM. Check what stands just before this place.',
  example: { step: 'per_minute', reason: 'syntax error at or near "FORM"' },
}) {}

/** A step is one SELECT: nothing that changes anything, and only one statement. */
export class SqlNotSelectError extends defineError<{ step: string; reason: string }>({
  code: 'SQL_NOT_SELECT',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}" must be one SELECT statement: ${d.reason}`,
  hint: () => 'Write each query as a step of its own; a later step reads it by its name.',
  example: { step: 'per_minute', reason: 'there is more than one statement' },
}) {}

/** A column that the relation does not have. */
export class SqlColumnMissingError extends defineError<{ step: string; column: string; candidates: readonly string[] }>(
  {
    code: 'SQL_COLUMN_MISSING',
    fault: 'user',
    retry: 'never',
    message: (d) => `step "${d.step}": there is no column "${d.column}"`,
    hint: (d) => `Columns here: ${d.candidates.join(', ') || 'none'}.`,
    example: { step: 'per_minute', column: 'unmo', candidates: ['tno', 'uno', 'tnum', 'tuptime'] },
  },
) {}

/** The SQL is well formed but makes no sense to DuckDB: an unknown function, types that do not fit. */
export class SqlInvalidError extends defineError<{ step: string; reason: string; candidates: string }>({
  code: 'SQL_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": ${d.reason}`,
  hint: (d) =>
    d.candidates === '' ? 'Check types and function names; casts are written CAST(x AS type).' : d.candidates,
  example: { step: 'per_minute', reason: "no function matches 'sum(VARCHAR)'", candidates: '' },
}) {}

/** FROM names something that is no step before this one. */
export class SqlRelationUnknownError extends defineError<{ step: string; relation: string; known: readonly string[] }>({
  code: 'SQL_RELATION_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}" reads "${d.relation}", which is neither input nor a step before it`,
  hint: (d) => `Known here: ${d.known.join(', ')}.`,
  example: { step: 'per_minute', relation: 'trades', known: ['input', 'clean'] },
}) {}

/** SQL in a step sees the records and nothing else: no files, no catalog, no settings, no environment. */
export class SqlOutsideAccessError extends defineError<{ step: string; what: string }>({
  code: 'SQL_OUTSIDE_ACCESS',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}" reaches outside the pipeline: ${d.what}`,
  hint: () => 'A step may read only input and the steps before it, so that a replay gives the same rows.',
  example: { step: 'per_minute', what: 'read_csv' },
}) {}

/** The result would differ from run to run. */
export class SqlNotDeterministicError extends defineError<{ step: string; what: string }>({
  code: 'SQL_NOT_DETERMINISTIC',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}" uses ${d.what}, which gives another result at each run`,
  hint: () =>
    'After a restart the same records must give the same rows. Use what the record holds: its own time, or the metadata columns _timestamp, _partition and _offset.',
  example: { step: 'per_minute', what: 'now()' },
}) {}

/** An aggregation, order or limit over a stream that never ends. */
export class SqlUnboundedAggregateError extends defineError<{ step: string; what: string }>({
  code: 'SQL_UNBOUNDED_AGGREGATE',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}" uses ${d.what} over a stream that has no end`,
  hint: () =>
    "Aggregate within a window: FROM TUMBLE(TABLE input, DESCRIPTOR(<time>), INTERVAL '1' MINUTE) GROUP BY window_start, window_end.",
  example: { step: 'totals', what: 'sum()' },
}) {}

/** SQL that DuckDB knows but a pipeline does not take. */
export class SqlUnsupportedError extends defineError<{ step: string; what: string; instead: string }>({
  code: 'SQL_UNSUPPORTED',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": ${d.what} is not supported in a step`,
  hint: (d) => d.instead,
  example: { step: 'enriched', what: 'JOIN', instead: 'A step reads one relation.' },
}) {}

/** A window function of Flink's that is recognised but not built. */
export class SqlWindowUnsupportedError extends defineError<{ step: string; window: string }>({
  code: 'SQL_WINDOW_UNSUPPORTED',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": ${d.window} windows are not supported`,
  hint: () => "Tumbling windows are: TUMBLE(TABLE input, DESCRIPTOR(<time>), INTERVAL '1' MINUTE).",
  example: { step: 'per_minute', window: 'HOP' },
}) {}

/** A windowed aggregation that is not of the form that can be run. */
export class SqlWindowInvalidError extends defineError<{ step: string; reason: string; instead: string }>({
  code: 'SQL_WINDOW_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": ${d.reason}`,
  hint: (d) => d.instead,
  example: {
    step: 'per_minute',
    reason: 'a windowed step must group by window_start and window_end',
    instead: 'Write GROUP BY window_start, window_end, and then the keys.',
  },
}) {}

/** A window's time column must be the source's event time, unchanged. */
export class SqlTimeAttributeError extends defineError<{ step: string; column: string; time: string }>({
  code: 'SQL_TIME_ATTRIBUTE',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": "${d.column}" is not the event time that the watermark follows`,
  hint: (d) =>
    `Use ${d.time}, the source's watermark column, and let the steps before the window pass it on as it is (a rename is fine).`,
  example: { step: 'per_minute', column: 'tdate', time: 'tuptime' },
}) {}

/** Windows need to know how far event time has come. */
export class WatermarkMissingError extends defineError<{ step: string }>({
  code: 'SQL_WATERMARK_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}" has a window, but the source has no watermark`,
  hint: () => 'Add to the source: watermark: { column: <time>, delay: 5 seconds }.',
  example: { step: 'per_minute' },
}) {}

/** The watermark names no column, or one that holds no time. */
export class WatermarkColumnError extends defineError<{ column: string; type: string; candidates: readonly string[] }>({
  code: 'SQL_WATERMARK_COLUMN',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    d.type === ''
      ? `the watermark's column "${d.column}" is not among the source's columns`
      : `the watermark's column "${d.column}" is ${d.type}, not a timestamp`,
  hint: (d) => `Declare it as timestamp or timestamptz. Columns: ${d.candidates.join(', ')}.`,
  example: { column: 'tuptime', type: 'VARCHAR', candidates: ['tno', 'tuptime'] },
}) {}

/** A declared column's type is none of DuckDB's. */
export class ColumnTypeError extends defineError<{ column: string; type: string }>({
  code: 'SQL_TYPE_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `column "${d.column}": there is no type "${d.type}"`,
  hint: () =>
    'Types are DuckDB’s: varchar, integer, bigint, double, decimal(18,2), boolean, date, timestamp, timestamptz …',
  example: { column: 'tnum', type: 'integre' },
}) {}

/** A column gets a name that another has already, or that Headrace keeps for itself. */
export class SqlColumnNameError extends defineError<{ step: string; column: string; reason: string }>({
  code: 'SQL_COLUMN_NAME',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": column "${d.column}" ${d.reason}`,
  hint: () => 'Give it another name with AS.',
  example: { step: 'per_minute', column: 'uno', reason: 'is there twice' },
}) {}

/** applyMapping names a source column that is not there, or a type that Glue does not have. */
export class MappingInvalidError extends defineError<{ step: string; reason: string; instead: string }>({
  code: 'MAPPING_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.step}": ${d.reason}`,
  hint: (d) => d.instead,
  example: { step: 'mapped', reason: 'there is no column "unmo"', instead: 'Columns here: tno, uno.' },
}) {}
