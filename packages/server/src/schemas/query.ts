import { Type } from 'typebox'

export const QueryRequestSchema = Type.Object(
  {
    sql: Type.String({ minLength: 1, maxLength: 100_000, description: 'One SELECT over the datasets of the lake.' }),
    format: Type.Optional(
      Type.Union([Type.Literal('json'), Type.Literal('ndjson'), Type.Literal('csv')], { default: 'json' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, description: 'At most so many rows; the server has a limit too.' }),
    ),
  },
  { additionalProperties: false },
)

/** `format: json`. Values of types that JSON cannot hold exactly (BIGINT, DECIMAL, times) come as strings. */
export const QueryResultSchema = Type.Object({
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  rows: Type.Array(Type.Array(Type.Unknown())),
  rowCount: Type.Integer(),
  truncated: Type.Boolean({ description: 'There were more rows than the limit.' }),
  elapsedMs: Type.Number(),
})
