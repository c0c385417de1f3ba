import type { ConfigIssue, Field } from '@headrace/core'
import { type Static, Type } from 'typebox'

/** What Kafka listens on unless told. */
const DEFAULT_PORT = 9092

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
    topic,
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
            offsets: Type.Record(Type.String({ pattern: '^[0-9]+$' }), Type.Integer({ minimum: 0 }), {
              description:
                'The first offset to read, by partition number; other partitions begin at their first record.',
            }),
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
    isolation: Type.Union([Type.Literal('readCommitted'), Type.Literal('readUncommitted')], {
      default: 'readCommitted',
      description: 'Whether records of transactions that are open or aborted are left out.',
    }),
    checkCrcs: Type.Boolean({
      default: false,
      description: 'Check each batch’s CRC-32C again; the broker did when it was written, and TCP guards the way.',
    }),
    connection,
  },
  { additionalProperties: false },
)
export type KafkaSourceConfig = Static<typeof sourceSchema>

export const sinkSchema = Type.Object(
  {
    topic,
    key: Type.Optional(Type.String({ minLength: 1, description: 'Column that becomes the record’s key.' })),
    connection,
  },
  { additionalProperties: false },
)
export type KafkaSinkConfig = Static<typeof sinkSchema>

export const sourceExamples = [
  { kafka: { topic: 'trades', start: 'earliest' } },
  { kafka: { topic: 'trades', start: { timestamp: '2026-11-20T10:00:00Z' }, connection: 'production' } },
  { kafka: { topic: 'trades', start: { offsets: { '0': 1200, '1': 900 } } } },
]

export const sinkExamples = [{ kafka: { topic: 'trades_per_minute', key: 'uno' } }]

/** What the schema cannot say. */
export function checkSource(config: KafkaSourceConfig): readonly ConfigIssue[] {
  const { start } = config
  if (typeof start !== 'object' || !('timestamp' in start) || !Number.isNaN(Date.parse(start.timestamp))) return []
  return [
    {
      path: ['start', 'timestamp'],
      message: `"${start.timestamp}" is not a time`,
      hint: 'Write it as 2026-11-20T10:00:00Z.',
    },
  ]
}

/** Whether the key is one of the rows’ columns, once they are known. */
export function checkSink(config: KafkaSinkConfig, columns?: readonly Field[]): readonly ConfigIssue[] {
  if (config.key === undefined || columns === undefined) return []
  if (columns.some((column) => column.name === config.key)) return []
  return [
    {
      path: ['key'],
      message: `the rows have no column "${config.key}"`,
      hint: `Their columns are ${columns.map((column) => column.name).join(', ')}.`,
    },
  ]
}

/** The addresses of `bootstrap`, one by one. */
export function addressesOf({ bootstrap }: Pick<KafkaConnection, 'bootstrap'>) {
  return (typeof bootstrap === 'string' ? bootstrap.split(',') : bootstrap)
    .map((address) => address.trim())
    .filter((address) => address !== '')
    .map(parseAddress)
}

/** `host:port`, `[::1]:port`, or a host alone for Kafka's own port. */
function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address) ?? []
  return { host: bracketed ?? plain ?? address, port: port === undefined ? DEFAULT_PORT : Number(port) }
}
