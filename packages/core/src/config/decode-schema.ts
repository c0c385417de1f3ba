import Type, { type Static } from 'typebox'
import type { Field } from '../model/index.ts'
import { ColumnType, exactlyOne } from './schema-types.ts'

const closed = { additionalProperties: false } as const

const column = Type.Union([
  ColumnType({ description: 'A DuckDB type.' }),
  Type.Object(
    {
      type: ColumnType({ description: 'A DuckDB type.' }),
      required: Type.Optional(
        Type.Boolean({ default: false, description: 'A record without it, or with null, is a dead letter.' }),
      ),
    },
    closed,
  ),
])

const columns = (description: string, limits: { maxProperties?: number } = {}) =>
  Type.Record(Type.String(), column, { minProperties: 1, ...limits, description })

const character = (description: string, fallback: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 1, pattern: '^[\\x01-\\x7f]$', default: fallback, description }))

const registry = Type.Optional(
  Type.String({ minLength: 1, description: 'Name of the `schemaRegistry` connection in headrace.yaml.' }),
)

const json = Type.Object(
  {
    columns: columns(
      'The keys of each record to read, and their types. Other keys are left alone; a missing one is NULL.',
    ),
    framing: Type.Optional(
      Type.Literal('confluent', {
        description:
          'Each value begins with a zero byte and a schema id (4 bytes), as JSON Schema serializers write it.',
      }),
    ),
    validate: Type.Optional(
      Type.Boolean({
        description:
          'Hold each framed value against the JSON Schema that its id names: one that does not fit is a dead letter. Costs a parse of its own.',
      }),
    ),
    registry,
  },
  { ...closed, description: 'Each record is one JSON object.' },
)

const csv = Type.Object(
  {
    columns: columns('The fields of each record in their order, and their types.'),
    delimiter: character('What stands between fields.', ','),
    quote: character('What encloses a field that holds the delimiter, a quote (doubled) or a newline.', '"'),
    null: Type.Optional(Type.String({ default: '', description: 'An unquoted field with this text is NULL.' })),
    header: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Each record begins with a line of its own that names the columns, in their order.',
      }),
    ),
  },
  { ...closed, description: 'Each record is one row of comma-separated values (RFC 4180).' },
)

const raw = Type.Object(
  {
    columns: columns('One column, `varchar` or `blob`, that takes the value as it is; NULL where a record has none.', {
      maxProperties: 1,
    }),
  },
  { ...closed, description: 'Each record is one value, whatever it means.' },
)

const avro = Type.Object(
  {
    columns: columns(
      'The fields of each record to read, and their types. A field that the writer did not have is NULL.',
    ),
    schema: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Record(Type.String(), Type.Unknown())], {
        description:
          'The Avro schema of values that are bare Avro. Without it each value begins with a zero byte and a schema id (4 bytes), and the registry has the schema.',
      }),
    ),
    registry,
  },
  { ...closed, description: 'Each record is one Avro record.' },
)

const protobuf = Type.Object(
  {
    columns: columns('The fields of each record to read, by their names in the .proto file, and their types.'),
    schema: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'The text of the .proto file of values that are bare messages. Without it each value begins with a zero byte, a schema id (4 bytes) and the place of the message in its file, and the registry has the file.',
      }),
    ),
    message: Type.Optional(
      Type.String({ minLength: 1, description: 'With `schema`: the message, where the file has several.' }),
    ),
    registry,
  },
  { ...closed, description: 'Each record is one Protobuf message.' },
)

const formats = { json, csv, raw, avro, protobuf }
export type DecodeFormat = keyof typeof formats
export const DECODE_FORMATS = Object.keys(formats) as readonly DecodeFormat[]

export const decodeSchema = Type.Object(
  {
    json: Type.Optional(json),
    csv: Type.Optional(csv),
    raw: Type.Optional(raw),
    avro: Type.Optional(avro),
    protobuf: Type.Optional(protobuf),
  },
  { ...closed, ...exactlyOne(DECODE_FORMATS, 'format'), description: 'How the bytes of a record become columns.' },
)

export type DecodeInput = Static<typeof decodeSchema>

interface DeclaredColumns {
  readonly columns: readonly Field[]
  readonly required: readonly string[]
}

/** The settings of a format beside its columns, as the file gives them, defaults filled in. */
type SettingsOf<F extends DecodeFormat> = F extends 'csv'
  ? Required<Omit<Static<typeof csv>, 'columns'>>
  : Omit<Static<(typeof formats)[F]>, 'columns'>

export type DecodeConfigOf<F extends DecodeFormat> = DeclaredColumns & { readonly format: F } & Readonly<SettingsOf<F>>

/** A source's `decode`: its format, its columns, and what the format needs to be told. */
export type DecodeConfig = { [F in DecodeFormat]: DecodeConfigOf<F> }[DecodeFormat]
