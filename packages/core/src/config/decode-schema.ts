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

const json = Type.Object(
  {
    columns: columns(
      'The keys of each record to read, and their types. Other keys are left alone; a missing one is NULL.',
    ),
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

const formats = { json, csv, raw }
export type DecodeFormat = keyof typeof formats
export const DECODE_FORMATS = Object.keys(formats) as readonly DecodeFormat[]

export const decodeSchema = Type.Object(
  {
    json: Type.Optional(json),
    csv: Type.Optional(csv),
    raw: Type.Optional(raw),
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
