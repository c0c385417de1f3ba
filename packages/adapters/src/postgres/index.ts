import type { AdapterDefinition } from '@headrace/core'
import { checkSink, connectionSchema, type PostgresSinkConfig, sinkExamples, sinkSchema } from './config.ts'
// The error catalogue lists them without loading the client.
import './errors.ts'

export const postgres: AdapterDefinition = {
  name: 'postgres',
  summary: 'Writes rows into a PostgreSQL table, inserted or updated by a key',
  connection: { type: 'postgres', schema: connectionSchema, defaultName: 'warehouse' },
  sink: {
    delivery: 'exactly-once',
    schema: sinkSchema,
    examples: sinkExamples,
    connectionName: (config: PostgresSinkConfig) => config.connection,
    check: checkSink,
    staging: () => ({ format: 'parquet' }),
    load: () => import('./sink.ts'),
  },
}
