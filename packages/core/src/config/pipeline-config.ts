import type { Place } from '../errors/index.ts'
import type { EventTimePlan } from '../model/index.ts'
import type { DecodeConfig } from './decode-schema.ts'

/**
 * A pipeline file after parsing, defaults and checks: what the rest of the program works with. YAML files and
 * `definePipeline` objects both end here.
 */
export interface PipelineConfig {
  readonly name: string
  readonly source: SourceConfig
  readonly steps: readonly StepConfig[]
  readonly trigger: TriggerConfig
  readonly sinks: readonly SinkConfig[]
  /** More rows than this refused by one sink's target stop the pipeline. */
  readonly maxRejects: number
  /**
   * Where the value at a path stands in its file: the first character of a text (inside quotes, the first line of a block);
   * what holds it where the path leads nowhere; the file alone for modules, undefined for objects without a file.
   */
  readonly placeOf: (path: readonly (string | number)[]) => Place | undefined
}

export interface SourceConfig {
  readonly name: string
  readonly adapter: string
  /** Checked against the adapter's schema, defaults filled in. */
  readonly config: unknown
  readonly decode: DecodeConfig
  /** What a record without a value becomes: a dead letter unless told. */
  readonly tombstones?: 'deadLetters' | 'rows'
  readonly watermark?: EventTimePlan
}

/** `from` names the relation that the step reads: `input` or a step before it. */
interface StepBase {
  readonly name: string
  readonly from: string
}
export interface FilterStep extends StepBase {
  readonly kind: 'filter'
  /** An SQL condition over the columns of `from`. */
  readonly condition: string
}
export interface SqlStep extends StepBase {
  readonly kind: 'sql'
  /** A SELECT in which `input` stands for `from`; other steps go by their names. */
  readonly sql: string
}
export interface ApplyMappingStep extends StepBase {
  readonly kind: 'applyMapping'
  /** Source column (dots and back-ticks as in Glue), target name, target type where it is cast. */
  readonly mappings: readonly { readonly source: string; readonly target: string; readonly type?: string }[]
}
export interface SelectStep extends StepBase {
  readonly kind: 'select'
  /** Columns to keep: `name`, or `expression AS name`. */
  readonly columns: readonly string[]
}
export type StepConfig = FilterStep | SqlStep | ApplyMappingStep | SelectStep

export interface TriggerConfig {
  /** An epoch closes after this, if anything has arrived. */
  readonly intervalMs: number
  /** … or at once when it holds so many records or bytes of values. */
  readonly maxRecords: number
  readonly maxBytes: number
}

export interface SinkConfig {
  readonly name: string
  readonly from: string
  readonly adapter: string
  readonly config: unknown
  /** Reading stops, and says why, while more than this waits for the sink. */
  readonly maxPendingBytes: number
}
