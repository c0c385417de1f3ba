import type { DecodeInput } from './decode-schema.ts'
import type { StepInput, TriggerInput, WatermarkInput } from './pipeline-schema.ts'

/** The `source` of a pipeline: exactly one adapter by its name (`kafka: {…}`) beside these. */
export interface SourceInput {
  name?: string
  decode: DecodeInput
  tombstones?: 'deadLetters' | 'rows'
  watermark?: WatermarkInput
  [adapter: string]: unknown
}

/** One of a pipeline's `sinks`: exactly one adapter by its name (`parquet: {…}`) beside these. */
export interface SinkInput {
  name?: string
  from?: string
  maxPendingBytes?: string | number
  [adapter: string]: unknown
}

/** A pipeline as a typed object, in the words of a pipeline file. */
export interface PipelineInput {
  name: string
  source: SourceInput
  steps?: StepInput[]
  trigger?: TriggerInput
  sinks: SinkInput[]
  maxRejects?: number
}

/**
 * For `.ts` and `.js` pipeline files: `export default definePipeline({ … })`. Gives the object back as it is; it is
 * checked against the same schema as YAML when the file is loaded.
 */
export function definePipeline(pipeline: PipelineInput): PipelineInput {
  return pipeline
}
