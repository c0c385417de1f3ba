import { Type } from 'typebox'

export const PipelineNameSchema = Type.Object({ name: Type.String({ minLength: 1, maxLength: 200 }) })

/** The list shows the most telling values; the whole status is at /pipelines/:name. */
const PipelineSummarySchema = Type.Object({
  name: Type.String(),
  state: Type.Enum(['new', 'starting', 'running', 'paused', 'draining', 'stopped', 'finished', 'failed'], {
    description: '`new`: it has a folder, and nothing more yet.',
  }),
  updatedAt: Type.Optional(Type.String({ format: 'date-time' })),
  read: Type.Optional(Type.Integer({ description: 'Records taken from the source since the state was made.' })),
  dead: Type.Optional(Type.Integer({ description: 'Records in the dead letters.' })),
  watermark: Type.Optional(Type.Union([Type.String({ format: 'date-time' }), Type.Null()])),
})

export const PipelineListSchema = Type.Object({ pipelines: Type.Array(PipelineSummarySchema) })

/** As in `status.json` beside the pipeline's state. */
export const PipelineStatusSchema = Type.Object(
  {
    pipeline: Type.String(),
    state: Type.String(),
    incarnation: Type.String(),
    epoch: Type.Integer(),
    startedAt: Type.Number({ description: 'ms since the Unix epoch' }),
    updatedAt: Type.Number({ description: 'ms since the Unix epoch' }),
    records: Type.Object({
      read: Type.Integer(),
      readBytes: Type.Integer(),
      skipped: Type.Integer({ description: 'Gone before they could be read, and passed over.' }),
      dead: Type.Integer(),
      decoded: Type.Integer(),
    }),
    recordsPerSecond: Type.Number(),
    watermark: Type.Union([Type.Number(), Type.Null()]),
  },
  { additionalProperties: true },
)
