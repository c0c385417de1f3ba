import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import path from 'node:path'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify'
import { ServerPortInUseError } from './errors.ts'
import { answerErrors } from './plugins/errors.ts'
import { checkHost } from './plugins/host-check.ts'
import { describeApi } from './plugins/openapi.ts'
import { healthRoutes } from './routes/health.ts'
import { pipelineRoutes } from './routes/pipelines.ts'
import { queryRoutes } from './routes/query.ts'

/** Larger requests are refused before they are read: a query is text. */
const MAX_BODY_BYTES = 256 * 1024

export interface ServerOptions {
  /** `.headrace`: pipelines and lake lie in it. */
  readonly dataDirectory: string
  /** Names beside `localhost` that requests may be addressed to. */
  readonly allowedHosts?: readonly string[]
  /** A query gives at most so many rows (10,000) and takes at most so long (30 s). */
  readonly maxRows?: number
  readonly queryTimeoutMs?: number
  /** Log lines to stderr; silent unless asked. */
  readonly log?: boolean
}

export type HeadraceServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** The API, not yet listening: `inject` for tests, `listen` for use. */
export async function buildServer(options: ServerOptions): Promise<HeadraceServer> {
  const dataDirectory = path.resolve(options.dataDirectory)
  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    logger: options.log === true ? { level: 'warn', stream: process.stderr } : false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  const release = version()
  answerErrors(server)
  checkHost(server, options.allowedHosts ?? [])
  await describeApi(server, release)
  await server.register(healthRoutes(release))
  await server.register(pipelineRoutes(dataDirectory))
  await server.register(
    queryRoutes({
      lakeDirectory: path.join(dataDirectory, 'lake'),
      maxRows: options.maxRows ?? 10_000,
      timeoutMs: options.queryTimeoutMs ?? 30_000,
      memoryLimit: '1GB',
      concurrency: 2,
    }),
  )
  await server.ready()
  return server
}

/** Listens; gives the URL. Throws API_PORT_IN_USE. */
export async function listen(server: HeadraceServer, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE')
      throw new ServerPortInUseError({ host, port }, { cause })
    throw cause
  }
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
