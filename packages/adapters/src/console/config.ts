import { type Static, Type } from 'typebox'

export const sinkSchema = Type.Object(
  {
    format: Type.Union([Type.Literal('table'), Type.Literal('ndjson')], {
      default: 'table',
      description: '`table` for people; `ndjson` for programs: one JSON object per row, BIGINT and DECIMAL as strings.',
    }),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Rows shown of each batch: 20 in a table unless told, all of them in ndjson.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type ConsoleConfig = Static<typeof sinkSchema>

export const sinkExamples = [{ console: {} }, { console: { format: 'ndjson', limit: 1000 } }]

const TABLE_LIMIT = 20

export function limitOf({ format, limit }: ConsoleConfig): number {
  return limit ?? (format === 'ndjson' ? Number.POSITIVE_INFINITY : TABLE_LIMIT)
}
