import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { QueryRequestSchema } from '../schemas/query.ts'

export interface QueryRouteOptions {
  readonly lakeDirectory: string
  readonly maxRows: number
  readonly timeoutMs: number
}
export function queryRoutes(_options: QueryRouteOptions): FastifyPluginCallbackTypebox {
  return (server, _o, done) => {
    server.post('/query', { schema: { body: QueryRequestSchema } }, async () => ({}))
    done()
  }
}
