import type { AdapterDefinition, SinkDefinition } from '@headrace/core'
import { type ConsoleConfig, sinkExamples, sinkSchema } from './config.ts'
// The error catalogue lists them without loading the sink.
import './errors.ts'

const sink: SinkDefinition<ConsoleConfig> = {
  delivery: 'at-least-once',
  schema: sinkSchema,
  examples: sinkExamples,
  staging: () => ({ format: 'parquet' }),
  load: () => import('./sink.ts'),
}

/** Standard output, for trying things out. The name leaves the global `console` alone. */
export const consoleOutput: AdapterDefinition = {
  name: 'console',
  summary: 'Shows rows on standard output, as tables or as JSON lines',
  sink,
}
