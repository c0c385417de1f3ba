import { type ConfigIssue, Duration } from '@headrace/core'
import { type Static, Type } from 'typebox'
import { parsePartitionName } from './position.ts'
import { patternOf } from './subscription.ts'

const topic = Type.String({
  minLength: 1,
  maxLength: 249,
  pattern: '^[a-zA-Z0-9._-]+$',
  description: 'Name of the topic.',
})

const connection = Type.String({
  minLength: 1,
  default: 'kafka',
  description: 'Name of the `kafka` connection in headrace.yaml.',
})

/** Settings of a connection of type `kafka`. */
export const connectionSchema = Type.Object(
  {
    bootstrap: Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], {
      description: 'Addresses to begin with, `host:port`: a list, or one string with commas.',
    }),
    clientId: Type.String({ default: 'headrace', pattern: '^\\S+$', description: 'How the broker’s logs name us.' }),
    ssl: Type.Optional(
      Type.Union(
        [
          Type.Boolean(),
          Type.Object(
            {
              ca: Type.Optional(Type.String({ description: 'Certificate authority, PEM, as from `file:`.' })),
              cert: Type.Optional(Type.String({ description: 'Client certificate, PEM.' })),
              key: Type.Optional(Type.String({ description: 'Client key, PEM.' })),
              rejectUnauthorized: Type.Optional(
                Type.Boolean({ description: 'false takes any certificate: for tests only.' }),
              ),
            },
            { additionalProperties: false },
          ),
        ],
        { description: 'TLS: `true`, or certificates.' },
      ),
    ),
    sasl: Type.Optional(
      Type.Object(
        {
          mechanism: Type.Union([Type.Literal('PLAIN'), Type.Literal('SCRAM-SHA-256'), Type.Literal('SCRAM-SHA-512')]),
          username: Type.String(),
          password: Type.String({ description: 'Better from the environment (`env:`) than in the file.' }),
        },
        { additionalProperties: false, description: 'User and password.' },
      ),
    ),
  },
  { additionalProperties: false },
)
export type KafkaConnection = Static<typeof connectionSchema>

export const sourceSchema = Type.Object(
  {
    topic: Type.Optional(
      Type.Union([topic, Type.Array(topic, { minItems: 1 })], {
        description: 'Name of the topic, or a list of names.',
      }),
    ),
    topics: Type.Optional(
      Type.Object(
        {
          pattern: Type.String({
            minLength: 1,
            description:
              'Regular expression (JavaScript’s) for the whole name, as in `trades_.*`. Internal topics never match. Topics that are made later are read from their first record.',
          }),
        },
        { additionalProperties: false, description: 'All topics of a kind, instead of `topic`.' },
      ),
    ),
    start: Type.Union(
      [
        Type.Literal('earliest'),
        Type.Literal('latest'),
        Type.Object(
          {
            timestamp: Type.String({
              description: 'The first record at or after this time: ISO 8601, `2026-11-20T10:00:00Z`.',
            }),
          },
          { additionalProperties: false },
        ),
        Type.Object(
          {
            offsets: Type.Record(
              Type.String({ pattern: '^([a-zA-Z0-9._-]+/)?[0-9]+$' }),
              Type.Integer({ minimum: 0 }),
              {
                description:
                  'The first offset to read, by partition: its number, or `topic/number` where there are several topics. Other partitions begin at their first record.',
              },
            ),
          },
          { additionalProperties: false },
        ),
      ],
      {
        default: 'earliest',
        description:
          'Where a pipeline begins that has no state yet. A partition that is added to the topic later is always read from its first record.',
      },
    ),
    offsetReset: Type.Union([Type.Literal('error'), Type.Literal('earliest'), Type.Literal('latest')], {
      default: 'error',
      description:
        'What to do when records are gone before they were read (retention, deleted records) or a log was truncated: stop, or go on from the first record that there is, or from the end. What is passed over is counted. Kafka’s `auto.offset.reset`, but not for the start.',
    }),
    metadataMaxAge: Duration({
      default: '1 minute',
      description: 'How often to look for new partitions and topics, and for deleted ones.',
    }),
    isolation: Type.Union([Type.Literal('readCommitted'), Type.Literal('readUncommitted')], {
      default: 'readCommitted',
      description: 'Whether records of transactions that are open or aborted are left out.',
    }),
    checkCrcs: Type.Boolean({
      default: true,
      description: 'Check each batch’s CRC-32C, as Kafka’s own consumer does. `false` saves about 40 ns a record.',
    }),
    group: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description:
          'Consumer group whose members share the partitions: run the pipeline in several processes, each with a data folder of its own. Only for pipelines without windows whose sinks are at-least-once.',
      }),
    ),
    groupProtocol: Type.Union([Type.Literal('classic'), Type.Literal('consumer')], {
      default: 'classic',
      description:
        'How the members agree: `classic`, where one of them hands out all partitions anew (`range`, `roundrobin` or `cooperative-sticky`, so that other clients can take part), or `consumer` (KIP-848, Kafka 4), where the broker does and only what moves stands still.',
    }),
    sessionTimeout: Duration({
      default: '45 seconds',
      description:
        'After so long without a word from a member of the group, others get its partitions. With `consumer` the broker’s setting counts instead.',
    }),
    connection,
  },
  { additionalProperties: false },
)
export type KafkaSourceConfig = Static<typeof sourceSchema>

export const sourceExamples = [
  { kafka: { topic: 'trades', start: 'earliest' } },
  { kafka: { topic: 'trades', start: { timestamp: '2026-11-20T10:00:00Z' }, connection: 'production' } },
  { kafka: { topic: 'trades', start: { offsets: { '0': 1200, '1': 900 } } } },
  { kafka: { topic: ['trades', 'refunds'], offsetReset: 'earliest' } },
  { kafka: { topic: 'trades', group: 'trades-enrichment' } },
  { kafka: { topics: { pattern: 'trades_[a-z]+' }, metadataMaxAge: '10 seconds' } },
]

/** What the schema cannot say. */
export function checkSource(config: KafkaSourceConfig): readonly ConfigIssue[] {
  return [...checkTopics(config), ...checkStart(config)]
}

function checkTopics({ topic: names, topics }: KafkaSourceConfig): readonly ConfigIssue[] {
  if (names === undefined && topics === undefined) {
    return [{ path: [], message: 'no topic is named', hint: 'Write `topic:`, or `topics: { pattern: … }`.' }]
  }
  if (names !== undefined && topics !== undefined) {
    return [{ path: ['topics'], message: '`topic` and `topics` are both there', hint: 'Keep one of them.' }]
  }
  if (topics === undefined) return []
  try {
    patternOf(topics.pattern)
    return []
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [{ path: ['topics', 'pattern'], message: `this is not a regular expression: ${reason}` }]
  }
}

function checkStart({ topic: names, topics, start }: KafkaSourceConfig): readonly ConfigIssue[] {
  if (typeof start !== 'object') return []
  if ('timestamp' in start) {
    if (!Number.isNaN(Date.parse(start.timestamp))) return []
    const message = `"${start.timestamp}" is not a time`
    return [{ path: ['start', 'timestamp'], message, hint: 'Write it as 2026-11-20T10:00:00Z.' }]
  }
  const listed = typeof names === 'string' ? [names] : (names ?? [])
  return Object.keys(start.offsets).flatMap((partition) => {
    const path = ['start', 'offsets', partition]
    const { topic: named } = parsePartitionName(partition) ?? {}
    if (named === undefined && listed.length === 1) return []
    if (named === undefined) {
      const hint = 'With several topics, write `topic/number`, as in `trades/0`.'
      return [{ path, message: `partition ${partition} could be of any of the topics`, hint }]
    }
    if (topics !== undefined || listed.includes(named)) return []
    return [
      { path, message: `topic "${named}" is not among those that are read`, hint: `They are ${listed.join(', ')}.` },
    ]
  })
}
