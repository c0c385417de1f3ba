import { HeadraceError, problemOf } from '@headrace/core'
import type { FastifyError, FastifyInstance } from 'fastify'
import { RequestInvalidError, RouteUnknownError, ServerFailedError } from '../errors.ts'

const STATUS_OF_FAULT = { user: 400, external: 502, bug: 500 } as const

/** Where HTTP has a better word than the fault alone gives. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  API_ROUTE_UNKNOWN: 404,
  API_HOST_REFUSED: 403,
  PIPELINE_UNKNOWN: 404,
  QUERY_TIMEOUT: 504,
}

/** Answers every failure with `{ code, message, hint }` from the catalogue, and never with a stack trace. */
export function answerErrors(server: FastifyInstance): void {
  server.setNotFoundHandler((request) => {
    throw new RouteUnknownError({ method: request.method, path: request.url.split('?')[0] ?? request.url })
  })
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    const known = catalogued(error)
    const status = clientStatus(error) ?? STATUS_OF_CODE[known.code] ?? STATUS_OF_FAULT[known.fault]
    if (status >= 500) request.log.error({ err: error }, known.message)
    return reply.code(status).send(problemOf(known))
  })
}

function catalogued(error: FastifyError | HeadraceError): HeadraceError {
  if (error instanceof HeadraceError) return error
  return clientStatus(error) === undefined
    ? new ServerFailedError({ reason: error.message }, { cause: error })
    : new RequestInvalidError({ reason: error.message }, { cause: error })
}

/** The status of Fastify's own refusals (validation, media type, body too large). */
function clientStatus(error: FastifyError | HeadraceError): number | undefined {
  if (error instanceof HeadraceError) return undefined
  if ('validation' in error && error.validation !== undefined) return 400
  const { statusCode } = error
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : undefined
}
