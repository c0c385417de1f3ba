import { type ConfigIssue, Duration, type Field } from '@headrace/core'
import { type Static, Type } from 'typebox'
import { isRegistered, valueProblems } from './write/values/value-rules.ts'

const column = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

export const sinkSchema = Type.Object(
  {
    topic: Type.String({
      minLength: 1,
      maxLength: 249,
      pattern: '^[a-zA-Z0-9._-]+$',
      description: 'Name of the topic.',
    }),
    topicColumn: column('Column with the topic’s name, where rows go to several; `topic` where it is NULL.'),
    key: column('Column that becomes the record’s key.'),
    partition: column(
      'Column with the partition’s number. Without it, or where it is NULL, the key’s hash decides as in Kafka’s own clients, and rows without a key go to all partitions in turn.',
    ),
    timestamp: column('Column of type timestamp that becomes the record’s timestamp; the time of writing otherwise.'),
    headers: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'Columns that become headers of their names, as text; none where they are NULL.',
      }),
    ),
    value: Type.Union(
      [
        Type.Literal('json'),
        Type.Literal('avro'),
        Type.Literal('protobuf'),
        Type.Literal('jsonSchema'),
        Type.Object(
          { raw: Type.String({ minLength: 1, description: 'Column that is the value: text or bytes.' }) },
          { additionalProperties: false },
        ),
      ],
      {
        default: 'json',
        description:
          'What the record’s value is: the row as JSON; the row as Avro, Protobuf or JSON behind the id of a schema that is registered; or one column as it is.',
      },
    ),
    registry: column('Where there is a schema: name of the `schemaRegistry` connection in headrace.yaml.'),
    subjectNaming: Type.Union(
      [Type.Literal('topicName'), Type.Literal('recordName'), Type.Literal('topicRecordName')],
      {
        default: 'topicName',
        description:
          'What the schema is registered under: `<topic>-value`, `<recordName>` or `<topic>-<recordName>`, as Confluent’s strategies of these names have it. Each topic that rows go to has its own.',
      },
    ),
    subject: column('What the schema is registered under instead, for all topics.'),
    recordName: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$',
        description:
          'What the schema calls a row, `shop.Trade`: an Avro record and its namespace, a Protobuf message and its package, a title. Made from `topic` unless told.',
      }),
    ),
    autoRegister: Type.Boolean({
      default: true,
      description: 'false registers nothing: the schema must be there under its subject.',
    }),
    exclude: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'Columns that are left out of the value, such as those for partition and headers.',
      }),
    ),
    tombstone: column(
      'Boolean column: where it is true the record has no value, which deletes its key from a compacted topic.',
    ),
    compression: Type.Union(
      [Type.Literal('none'), Type.Literal('gzip'), Type.Literal('snappy'), Type.Literal('lz4'), Type.Literal('zstd')],
      { default: 'none', description: 'How batches are compressed.' },
    ),
    delivery: Type.Union([Type.Literal('atLeastOnce'), Type.Literal('exactlyOnce')], {
      default: 'atLeastOnce',
      description:
        '`exactlyOnce` writes each batch in a transaction: consumers that read committed records alone see each row once.',
    }),
    transactionTimeout: Duration({
      default: '1 minute',
      description: 'With `exactlyOnce`: how long a batch may take before the broker gives it up.',
    }),
    lostMarker: Type.Union([Type.Literal('error'), Type.Literal('resume')], {
      default: 'error',
      description:
        'With `exactlyOnce`: what to do when the group’s offset that says which batch the topic holds is gone, as after `offsets.retention.minutes` without a batch: stop with SINK_BEHIND, or go on from the pipeline’s own state. With `resume` a topic that was emptied, or a state that is an old copy, is not noticed at that moment.',
    }),
    connection: Type.String({
      minLength: 1,
      default: 'kafka',
      description: 'Name of the `kafka` connection in headrace.yaml.',
    }),
  },
  { additionalProperties: false },
)
export type KafkaSinkConfig = Static<typeof sinkSchema>

export const sinkExamples = [
  { kafka: { topic: 'trades_per_minute', key: 'uno' } },
  { kafka: { topic: 'totals', delivery: 'exactlyOnce' } },
  { kafka: { topic: 'orders', value: 'protobuf', recordName: 'shop.Order', subjectNaming: 'recordName' } },
  { kafka: { topic: 'customers', key: 'id', tombstone: 'deleted', exclude: ['deleted'], compression: 'zstd' } },
]

/** Whether what the settings name are columns of the rows, of types that fit, once they are known. */
export function checkSink(config: KafkaSinkConfig, columns?: readonly Field[]): readonly ConfigIssue[] {
  if (columns === undefined) return []
  const issues = namedColumns(config).flatMap(([path, name]) => missing(path, name, columns))
  return [...issues, ...typeIssues(config, columns), ...valueIssues(config, columns)]
}

function namedColumns(config: KafkaSinkConfig): [path: (string | number)[], name: string][] {
  const { topicColumn, key, partition, timestamp, tombstone, headers = [], exclude = [], value } = config
  const single = Object.entries({ topicColumn, key, partition, timestamp, tombstone })
  return [
    ...single.flatMap(([path, name]): [string[], string][] => (name === undefined ? [] : [[[path], name]])),
    ...headers.map((name, i): [(string | number)[], string] => [['headers', i], name]),
    ...exclude.map((name, i): [(string | number)[], string] => [['exclude', i], name]),
    ...(typeof value === 'object' ? [[['value', 'raw'], value.raw] as [string[], string]] : []),
  ]
}

function missing(path: (string | number)[], name: string, columns: readonly Field[]): ConfigIssue[] {
  if (columns.some((one) => one.name === name)) return []
  const hint = `Their columns are ${columns.map((one) => one.name).join(', ')}.`
  return [{ path, message: `the rows have no column "${name}"`, hint }]
}

const TYPES = {
  partition: { fits: /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/, what: 'a whole number' },
  timestamp: { fits: /^TIMESTAMP/, what: 'a timestamp' },
  tombstone: { fits: /^BOOLEAN$/, what: 'a boolean' },
  topicColumn: { fits: /^VARCHAR$/, what: 'a varchar' },
} as const

function typeIssues(config: KafkaSinkConfig, columns: readonly Field[]): ConfigIssue[] {
  return Object.entries(TYPES).flatMap(([setting, { fits, what }]) => {
    const name = config[setting as keyof typeof TYPES]
    const type = columns.find((one) => one.name === name)?.type
    if (type === undefined || fits.test(type)) return []
    const message = `the column "${name}" has the type ${type}, not that of ${what}`
    return [{ path: [setting], message, hint: 'Cast it in an SQL step.' }]
  })
}

function valueIssues({ value, exclude = [] }: KafkaSinkConfig, columns: readonly Field[]): ConfigIssue[] {
  if (!isRegistered(value)) return []
  const kept = columns.filter(({ name }) => !exclude.includes(name))
  return valueProblems(value, kept).map((problem) => ({ path: ['value'], ...problem }))
}
