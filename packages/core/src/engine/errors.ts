import { defineError, type Problem } from '../errors/index.ts'

export class PipelineRunningError extends defineError<{ pipeline: string; pid: number | undefined }>({
  code: 'PIPELINE_RUNNING',
  fault: 'user',
  retry: 'never',
  message: (d) => `pipeline "${d.pipeline}" is already running${d.pid === undefined ? '' : ` (process ${d.pid})`}`,
  hint: () => 'Stop the other run first, or give this one a data folder of its own with --data.',
  example: { pipeline: 'trades-per-minute', pid: 4711 },
}) {}

export class PipelineChangedError extends defineError<{ pipeline: string; what: string }>({
  code: 'PIPELINE_CHANGED',
  fault: 'user',
  retry: 'never',
  message: (d) => `pipeline "${d.pipeline}" has a state that does not fit its file any more: ${d.what}`,
  hint: () =>
    'Undo the change, or run the changed pipeline under another name or data folder, so that it begins with a state of its own.',
  example: { pipeline: 'trades-per-minute', what: 'window "per_minute" has other columns' },
}) {}

export class StateDamagedError extends defineError<{ file: string; reason: string }>({
  code: 'STATE_DAMAGED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the state file ${d.file} cannot be opened: ${d.reason}`,
  hint: () => 'Restore the data folder from a copy, or remove the pipeline’s folder in it to begin afresh.',
  example: { file: '.headrace/pipelines/trades/state.duckdb', reason: 'not a DuckDB file' },
}) {}

export class StepFailedError extends defineError<{ relation: string; reason: string }>({
  code: 'STEP_FAILED',
  fault: 'user',
  retry: 'never',
  message: (d) => `step "${d.relation}" failed on the data: ${d.reason}`,
  hint: () =>
    'Guard the expression (TRY_CAST, nullif, a filter before it). Nothing of this epoch was committed; the run goes on from before it.',
  example: { relation: 'per_minute', reason: 'Overflow in multiplication of INT32' },
}) {
  get step(): string {
    return this.details.relation as string
  }
}

export class TooManyRejectsError extends defineError<{ sink: string; rejected: number; limit: number; reason: string }>(
  {
    code: 'SINK_TOO_MANY_REJECTS',
    fault: 'user',
    retry: 'never',
    message: (d) =>
      `sink "${d.sink}" refused ${d.rejected} rows, more than maxRejects (${d.limit}); the last because: ${d.reason}`,
    hint: () => 'The rows do not fit the target: mend the steps or the target, or raise maxRejects.',
    example: { sink: 'postgres', rejected: 1001, limit: 1000, reason: 'integer out of range' },
  },
) {}

export class EventTimeMissingError extends defineError<{ column: string }>({
  code: 'RECORD_TIME_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => `the event time ${d.column} is null`,
  hint: () =>
    'A record without an event time belongs to no window. Mend the producer, or derive the time in its schema.',
  example: { column: 'tuptime' },
}) {}

export class EventTimeAheadError extends defineError<{ column: string; time: string; timestamp: string }>({
  code: 'RECORD_TIME_AHEAD',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `the event time ${d.column} = ${d.time} lies too far beyond the record's own timestamp ${d.timestamp}`,
  hint: () => 'Mend the clock that wrote it; or raise watermark.maxAhead if such times are meant.',
  example: { column: 'tuptime', time: '2062-01-01T00:00:00.000Z', timestamp: '2026-11-20T10:00:00.000Z' },
}) {}

export class RecordLateError extends defineError<{ window: string; time: string; behindHorizon: boolean }>({
  code: 'RECORD_LATE',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `too late for window "${d.window}": event time ${d.time}, ${d.behindHorizon ? 'and the window had already been given out' : "the partition's watermark had passed the window's end"}`,
  hint: () => 'Raise watermark.delay if such records should still count.',
  example: { window: 'per_minute', time: '2026-11-20T10:00:00.000Z', behindHorizon: false },
}) {}

export class SinkBacklogError extends defineError<{
  sink: string
  pendingBytes: number
  limit: number
  reason: string
}>({
  code: 'SINK_BACKLOG',
  fault: 'external',
  retry: 'backoff',
  message: (d) =>
    `reading stands still: ${d.pendingBytes} bytes wait for sink "${d.sink}", more than maxPendingBytes (${d.limit})${d.reason === '' ? '' : `: ${d.reason}`}`,
  hint: () => 'Nothing is lost: reading goes on by itself when the sink has caught up.',
  example: { sink: 'postgres', pendingBytes: 1100000000, limit: 1073741824, reason: 'connection refused' },
}) {}

/** DuckDB has used up the memory that it may take, and could not spill. */
export class OutOfMemoryError extends defineError<{ reason: string }>({
  code: 'OUT_OF_MEMORY',
  fault: 'user',
  retry: 'never',
  message: (d) => `the memory is used up: ${d.reason}`,
  hint: () => 'Allow more with --memory, or make the epochs smaller: trigger.maxRecords and trigger.maxBytes.',
  example: { reason: 'could not allocate block of size 256.0 KiB (95.3 MiB/95.3 MiB used)' },
}) {}

/** Every mistake that was found in a pipeline before it ran. */
export class PipelineInvalidError extends defineError<{ pipeline: string; problems: readonly Problem[] }>({
  code: 'PIPELINE_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `pipeline "${d.pipeline}" has ${d.problems.length} mistake(s): ${d.problems[0]?.message ?? 'unknown'}`,
  hint: (d) => d.problems[0]?.hint ?? 'Run `headrace validate` on its file.',
  example: { pipeline: 'trades-per-minute', problems: [] },
}) {
  get problems(): readonly Problem[] {
    return this.details.problems as readonly Problem[]
  }
}

export class SourcePausedError extends defineError<{ source: string; reason: string; attempts: number }>({
  code: 'SOURCE_RETRYING',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `source "${d.source}" does not answer (attempt ${d.attempts}): ${d.reason}`,
  hint: () => 'Reading goes on by itself, from where it stood, when the source answers again.',
  example: { source: 'kafka', reason: 'connection refused', attempts: 3 },
}) {}
