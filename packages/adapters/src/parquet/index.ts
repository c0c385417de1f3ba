import type { AdapterDefinition, SinkDefinition } from '@headrace/core'
import { checkSink, type ParquetConfig, sinkExamples, sinkSchema, stagingOf } from './config.ts'
// The error catalogue lists them without loading the sink.
import './errors.ts'

const sink: SinkDefinition<ParquetConfig> = {
  delivery: 'exactly-once',
  schema: sinkSchema,
  examples: sinkExamples,
  check: checkSink,
  staging: stagingOf,
  load: () => import('./sink.ts'),
}

/** Parquet files in a local folder, listed in a manifest. */
export const parquet: AdapterDefinition = {
  name: 'parquet',
  summary: 'Writes Parquet files to a dataset of the lake, partitioned by folders',
  sink,
}
