import Type, { type Static, type TObject, type TSchema } from 'typebox'
import type { AdapterDefinition } from '../model/index.ts'
import { decodeSchema } from './decode-schema.ts'
import { Duration, exactlyOne, Size } from './schema-types.ts'

const closed = { additionalProperties: false } as const

/** Pipelines name folders and files. No dot: `<pipeline>.<sink>` must be read in one way only. */
const pipelineName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$',
  description: 'Letters, digits, `_` and `-`, at most 100. State, dead letters and output are kept under this name.',
})
const systemName = (description: string) =>
  Type.Optional(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,62}$', description }))

const watermarkSchema = Type.Object(
  {
    column: Type.String({
      minLength: 1,
      description: 'The event time: a declared column of type timestamp or timestamptz.',
    }),
    delay: Duration({ description: 'How much later than the latest record of its partition a record may come.' }),
    maxAhead: Type.Optional(
      Duration({
        default: '1 day',
        description:
          'An event time further than this beyond the record’s own timestamp makes the record a dead letter.',
      }),
    ),
    idleTimeout: Type.Optional(
      Duration({
        description:
          'A partition seen at its end for so long stops holding the watermark back. Unset: it always holds it.',
      }),
    ),
    late: Type.Optional(
      Type.Union([Type.Literal('deadLetters'), Type.Literal('drop')], {
        default: 'deadLetters',
        description: 'What becomes of records that come too late for their window. They are counted either way.',
      }),
    ),
  },
  { ...closed, description: 'What windows are closed by. Without it a pipeline has no windows.' },
)

const stepKinds = {
  filter: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'An SQL condition; rows for which it is true go on.',
      examples: ['tnum > 0'],
    }),
  ),
  sql: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'A SELECT. `input` is what the step reads; other steps go by their names.',
    }),
  ),
  select: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Columns to keep: `name`, or `expression AS name`.',
      examples: [['uno', 'tnum * 2 AS twice']],
    }),
  ),
  applyMapping: Type.Optional(
    Type.Array(Type.Array(Type.String({ minLength: 1 }), { minItems: 2, maxItems: 4 }), {
      minItems: 1,
      description:
        'As in AWS Glue: `[source, target]`, `[source, targetType, target]` or `[source, sourceType, target, targetType]`. Columns that are not mapped are dropped.',
      examples: [[['tno', 'string', 'order_id', 'string']]],
    }),
  ),
}
export type StepKind = keyof typeof stepKinds
export const STEP_KINDS = Object.keys(stepKinds) as readonly StepKind[]

const stepSchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z][A-Za-z0-9_]{0,62}$',
        description: 'What later steps and sinks call it: letters, digits and `_`, beginning with a letter.',
      }),
    ),
    from: Type.Optional(
      Type.String({ minLength: 1, description: 'What it reads: `input` or a step before it. Unset: the step before.' }),
    ),
    ...stepKinds,
  },
  { ...closed, ...exactlyOne(STEP_KINDS, 'kind of step') },
)

const triggerSchema = Type.Object(
  {
    interval: Type.Optional(
      Duration({ default: '1 second', description: 'An epoch closes after this time, if anything has arrived.' }),
    ),
    maxRecords: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000_000, default: 120_000, description: '… or at so many records.' }),
    ),
    maxBytes: Type.Optional(Size({ default: '15 MiB', description: '… or at so many bytes of record values.' })),
  },
  { ...closed, default: {}, description: 'When an epoch closes: whichever comes first.' },
)

const maxRejects = Type.Integer({
  minimum: 0,
  default: 1000,
  description: 'More rows than this refused by one sink’s target stop the pipeline.',
})

const sinkOptions = {
  name: systemName('What the sink is called in status, dead letters and its target. Unset: the adapter’s name.'),
  from: Type.Optional(
    Type.String({ minLength: 1, description: 'The step that it takes rows from, or `input`. Unset: the last step.' }),
  ),
  maxPendingBytes: Type.Optional(
    Size({ default: '1 GiB', description: 'Reading stops, and says why, while more than this waits for the sink.' }),
  ),
}

function sourceSchema(adapters: readonly AdapterDefinition[]): TObject {
  const sources = adapters.flatMap((a) =>
    a.source === undefined ? [] : [{ name: a.name, summary: a.summary, schema: a.source.schema }],
  )
  return Type.Object(
    {
      name: systemName('What the source is called in status and logs. Unset: the adapter’s name.'),
      ...adapterKeys(sources),
      decode: decodeSchema,
      tombstones: Type.Optional(
        Type.Union([Type.Literal('deadLetters'), Type.Literal('rows')], {
          default: 'deadLetters',
          description:
            'What becomes of records without a value: dead letters, or rows whose columns are NULL, known by `_key`. Where a column is required, or the event time is wanted, such a record is a dead letter all the same.',
        }),
      ),
      watermark: Type.Optional(watermarkSchema),
    },
    {
      ...closed,
      ...exactlyOne(
        sources.map((a) => a.name),
        'source adapter',
      ),
      description: 'Where records come from.',
    },
  )
}

function sinkSchema(adapters: readonly AdapterDefinition[]): TObject {
  const sinks = adapters.flatMap((a) =>
    a.sink === undefined ? [] : [{ name: a.name, summary: a.summary, schema: a.sink.schema }],
  )
  return Type.Object(
    { ...sinkOptions, ...adapterKeys(sinks) },
    {
      ...closed,
      ...exactlyOne(
        sinks.map((a) => a.name),
        'sink adapter',
      ),
    },
  )
}

function adapterKeys(adapters: readonly { name: string; summary: string; schema: TSchema }[]): Record<string, TSchema> {
  return Object.fromEntries(
    adapters.map(({ name, summary, schema }) => [name, Type.Optional({ description: summary, ...schema } as TSchema)]),
  )
}

/** The schema of a whole pipeline file, for the adapters at hand. Parsing, messages, editors and the reference use it. */
export function pipelineSchema(adapters: readonly AdapterDefinition[]): TObject {
  return Type.Object(
    {
      $schema: Type.Optional(Type.String({ description: 'For editors; ignored.' })),
      name: pipelineName,
      source: sourceSchema(adapters),
      steps: Type.Optional(
        Type.Array(stepSchema, {
          default: [],
          description: 'What happens to the rows. Each step reads the one before.',
        }),
      ),
      trigger: Type.Optional(triggerSchema),
      sinks: Type.Array(sinkSchema(adapters), { minItems: 1, description: 'Where rows go.' }),
      maxRejects: Type.Optional(maxRejects),
    },
    { ...closed, title: 'Headrace pipeline' },
  )
}

export type WatermarkInput = Static<typeof watermarkSchema>
export type StepInput = Static<typeof stepSchema>
export type TriggerInput = Static<typeof triggerSchema>
