import { type Static, Type } from 'typebox'
import type { ConnectionDefinition } from '../model/index.ts'

const url = Type.String({ minLength: 1, pattern: '^https?://', description: 'Where the registry answers.' })

const connectionSchema = Type.Object(
  {
    url: Type.Union([url, Type.Array(url, { minItems: 1 })], {
      description: '`http://` or `https://`, with the path if there is one; several are tried in turn.',
    }),
    username: Type.Optional(Type.String({ description: 'For basic authentication: the user, or an API key.' })),
    password: Type.Optional(Type.String({ description: 'Better from the environment (`env:`) than in the file.' })),
    token: Type.Optional(Type.String({ description: 'For bearer authentication instead.' })),
    ssl: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(Type.String({ description: 'Certificate authority, PEM, as from `file:`.' })),
          cert: Type.Optional(Type.String({ description: 'Client certificate, PEM.' })),
          key: Type.Optional(Type.String({ description: 'Client key, PEM.' })),
          rejectUnauthorized: Type.Optional(
            Type.Boolean({ description: 'false takes any certificate: for tests only.' }),
          ),
        },
        { additionalProperties: false, description: 'Certificates, where the system’s do not do.' },
      ),
    ),
  },
  { additionalProperties: false },
)
export type RegistryConnection = Static<typeof connectionSchema>

/** Connections of type `schemaRegistry`: of no adapter, since decoders and sinks share them. */
export const registryConnection: ConnectionDefinition = {
  type: 'schemaRegistry',
  schema: connectionSchema,
  defaultName: 'schemaRegistry',
}
