import { Readable } from 'node:stream'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { openLake, plainRow, type QueryResult, resultText } from '@headrace/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProblemSchema } from '../schemas/problem.ts'
import { QueryRequestSchema, QueryResultSchema } from '../schemas/query.ts'

export interface QueryRouteOptions {
  readonly lakeDirectory: string
  /** The most that one answer holds, whatever the request says. */
  readonly maxRows: number
  readonly timeoutMs: number
  /** DuckDB's memory for one query. */
  readonly memoryLimit: string
  /** More queries at once than this wait for each other. */
  readonly concurrency: number
}

const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson' } as const

/** SQL over the lake, within limits of rows, time and memory. A client that goes away ends its query. */
export function queryRoutes(options: QueryRouteOptions): FastifyPluginCallbackTypebox {
  const { lakeDirectory, maxRows, timeoutMs, memoryLimit } = options
  const lake = openLake(lakeDirectory, { memoryLimit })
  const turns = new Turns(options.concurrency)
  return (server, _options, done) => {
    server.post(
      '/query',
      {
        schema: {
          summary: 'SQL over the datasets of the lake',
          tags: ['query'],
          body: QueryRequestSchema,
          response: { 200: QueryResultSchema, 400: ProblemSchema },
        },
      },
      async (request, reply) => {
        const { sql, format = 'json', limit = maxRows } = request.body
        await using _turn = await turns.take()
        const started = performance.now()
        const result = await lake.query(sql, {
          maxRows: Math.min(limit, maxRows),
          timeoutMs,
          signal: whileConnected(request, reply),
        })
        if (format !== 'json') return sendText(reply, result, format)
        try {
          return await documentOf(result, performance.now() - started)
        } finally {
          result.close()
        }
      },
    )
    done()
  }
}

async function documentOf(result: QueryResult, elapsedMs: number) {
  const rows: unknown[][] = []
  for await (const chunk of result.chunks()) for (const row of chunk) rows.push(plainRow(result.columns, row))
  return {
    columns: [...result.columns],
    rows,
    rowCount: result.rowCount,
    truncated: result.truncated,
    elapsedMs: Math.round(elapsedMs),
  }
}

function sendText(reply: FastifyReply, result: QueryResult, format: 'csv' | 'ndjson'): FastifyReply {
  const text = Readable.from(resultText(result, format))
  text.once('close', () => result.close())
  reply.header('x-headrace-truncated', String(result.truncated))
  // A text needs no serializer; the JSON schema of the other format does not fit it.
  return reply
    .type(MEDIA_TYPES[format])
    .serializer((payload) => payload as string)
    .send(text)
}

function whileConnected(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  request.raw.socket.once('close', () => {
    if (!reply.raw.writableEnded) gone.abort()
  })
  return gone.signal
}

/** Lets so many in at once; the others wait in the order in which they came. */
class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<AsyncDisposable> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return {
      [Symbol.asyncDispose]: async () => {
        const next = this.#waiting.shift()
        if (next === undefined) this.#free++
        else next()
      },
    }
  }
}
