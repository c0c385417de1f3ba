import type { ConfigIssue, Field } from '@headrace/core'
import { type Static, Type } from 'typebox'
import { MAX_NAME_BYTES, parseTableName } from './names.ts'

/** Settings of a connection of type `postgres`. */
export const connectionSchema = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          '`postgres://user:password@host:5432/database?sslmode=…`, best from the environment (`env:`). Settings beside it win over its parts.',
      }),
    ),
    host: Type.Optional(Type.String({ minLength: 1, description: 'Host name or address.' })),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: '5432 unless told.' })),
    database: Type.Optional(Type.String({ minLength: 1, description: 'The user’s name unless told.' })),
    user: Type.Optional(Type.String({ minLength: 1, description: 'User (role) to log in as.' })),
    password: Type.Optional(Type.String({ description: 'Better from the environment (`env:`) or a file (`file:`).' })),
    ssl: Type.Optional(
      Type.Union([Type.Literal('disable'), Type.Literal('require'), Type.Literal('verify-full')], {
        description:
          'TLS as libpq names it: `require` encrypts without checking the certificate, `verify-full` checks it and the host name. `disable` unless told here or in the URL.',
      }),
    ),
    ca: Type.Optional(
      Type.String({
        description: 'Certificate authority for `verify-full`, PEM, as from `file:`; the system’s unless told.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type PostgresConnection = Static<typeof connectionSchema>

const columnList = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description }))

export const sinkSchema = Type.Object(
  {
    connection: Type.String({
      minLength: 1,
      default: 'warehouse',
      description: 'Name of the `postgres` connection in headrace.yaml.',
    }),
    table: Type.String({ minLength: 1, description: '`name` or `schema.name`, letter by letter.' }),
    key: columnList(
      'Columns of a unique index: a row whose key is there already is updated. Rows are only added without it.',
    ),
    insertOnly: columnList(
      'Columns that an update leaves as they are, such as `created_at`. Those that the rows do not have get the column’s default.',
    ),
    createTable: Type.Boolean({
      default: true,
      description: 'Make the table from the rows’ columns when it is not there, with `key` as its primary key.',
    }),
  },
  { additionalProperties: false },
)
export type PostgresSinkConfig = Static<typeof sinkSchema>

export const sinkExamples = [
  {
    postgres: {
      connection: 'warehouse',
      table: 'trades_per_minute',
      key: ['window_start', 'uno'],
      insertOnly: ['created_at'],
    },
  },
  { postgres: { table: 'archive.trades', createTable: false } },
]

/** What the schema cannot say. */
export function checkSink(config: PostgresSinkConfig, columns?: readonly Field[]): readonly ConfigIssue[] {
  return [...checkTable(config), ...checkInsertOnly(config), ...checkColumns(config, columns)]
}

function checkTable({ table }: PostgresSinkConfig): ConfigIssue[] {
  const name = parseTableName(table)
  if (name?.schema === 'headrace') {
    const hint = 'Choose another schema.'
    return [{ path: ['table'], message: 'the schema "headrace" holds what Headrace keeps for itself', hint }]
  }
  if (name !== undefined) return []
  const hint = `Write name or schema.name, other characters in double quotes, each part at most ${MAX_NAME_BYTES} bytes.`
  return [{ path: ['table'], message: `"${table}" is not the name of a table`, hint }]
}

function checkInsertOnly({ key, insertOnly = [] }: PostgresSinkConfig): ConfigIssue[] {
  if (insertOnly.length === 0) return []
  if (key === undefined) {
    const hint = 'Add `key:`, or leave insertOnly out: without a key every row is an insert.'
    return [{ path: ['insertOnly'], message: 'insertOnly needs a key', hint }]
  }
  return insertOnly.flatMap((name, i) =>
    key.includes(name)
      ? [
          {
            path: ['insertOnly', i],
            message: `"${name}" is part of the key`,
            hint: 'A key never changes: leave it out here.',
          },
        ]
      : [],
  )
}

/** The key must be in the rows; insert-only columns may be the table's own. */
function checkColumns({ key = [] }: PostgresSinkConfig, columns: readonly Field[] | undefined): ConfigIssue[] {
  if (columns === undefined) return []
  const names = columns.map((column) => column.name)
  const hint = `Their columns are ${names.join(', ')}.`
  return key.flatMap((name, i) =>
    names.includes(name) ? [] : [{ path: ['key', i], message: `the rows have no column "${name}"`, hint }],
  )
}
