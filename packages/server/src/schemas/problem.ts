import { Type } from 'typebox'

/** Every answer that is not 2xx. */
export const ProblemSchema = Type.Object(
  {
    code: Type.String({ description: 'Of the error catalogue; never changes its meaning.' }),
    message: Type.String(),
    hint: Type.String({ description: 'How to mend it.' }),
    place: Type.Optional(
      Type.Object({
        file: Type.String(),
        line: Type.Optional(Type.Integer()),
        column: Type.Optional(Type.Integer()),
      }),
    ),
  },
  { description: 'What went wrong.' },
)
