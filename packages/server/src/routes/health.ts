import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { HealthSchema } from '../schemas/health.ts'

/** Whether the server answers; nothing is looked at. */
export function healthRoutes(version: string): FastifyPluginCallbackTypebox {
  const started = performance.now()
  return (server, _options, done) => {
    server.get(
      '/health',
      { schema: { summary: 'Is it there?', tags: ['server'], response: { 200: HealthSchema } } },
      async () => ({ status: 'ok' as const, version, uptimeMs: Math.round(performance.now() - started) }),
    )
    done()
  }
}
