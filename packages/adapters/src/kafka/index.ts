import type { AdapterDefinition, SinkDefinition, SourceDefinition } from '@headrace/core'
import { checkSource, connectionSchema, type KafkaSourceConfig, sourceExamples, sourceSchema } from './config.ts'
// The error catalogue lists them without loading the client.
import './errors.ts'
import { checkSink, type KafkaSinkConfig, sinkExamples, sinkSchema } from './sink-config.ts'

const source: SourceDefinition<KafkaSourceConfig> = {
  schema: sourceSchema,
  examples: sourceExamples,
  connectionName: (config) => config.connection,
  check: checkSource,
  sharedBy: ({ group }) => (group === undefined ? undefined : ['group']),
  load: () => import('./source.ts'),
}

const sink: SinkDefinition<KafkaSinkConfig> = {
  delivery: 'at-least-once',
  deliveryOf: ({ delivery }) => (delivery === 'exactlyOnce' ? 'exactly-once' : 'at-least-once'),
  schema: sinkSchema,
  examples: sinkExamples,
  connectionName: (config) => config.connection,
  check: checkSink,
  staging: () => ({ format: 'ndjson' }),
  load: () => import('./sink.ts'),
}

/** Topics of a Kafka cluster, or of the embedded broker. */
export const kafka: AdapterDefinition = {
  name: 'kafka',
  summary: 'Reads topics and writes to them over the Kafka protocol',
  connection: { type: 'kafka', schema: connectionSchema, defaultName: 'kafka' },
  source,
  sink,
}
