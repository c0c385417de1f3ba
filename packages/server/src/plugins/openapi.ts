import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'

/** The description of the API, made from the routes' own schemas, at GET /openapi.json. */
export async function describeApi(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Headrace control API',
        version,
        description: 'Pipelines and their status, and SQL over the lake. Failures answer `{ code, message, hint }`.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'pipelines', description: 'What runs, and how far it is' },
        { name: 'query', description: 'SQL over the Parquet output' },
        { name: 'server', description: 'The server itself' },
      ],
    },
  })
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger())
}
