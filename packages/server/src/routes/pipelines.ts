import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { listPipelines, type PipelineStatus, PipelineUnknownError, readPipelineStatus } from '@headrace/core'
import { PipelineListSchema, PipelineNameSchema, PipelineStatusSchema } from '../schemas/pipeline.ts'
import { ProblemSchema } from '../schemas/problem.ts'

/** The pipelines of a data folder, from the status files that they keep. */
export function pipelineRoutes(dataDirectory: string): FastifyPluginCallbackTypebox {
  return (server, _options, done) => {
    server.get(
      '/pipelines',
      { schema: { summary: 'All pipelines', tags: ['pipelines'], response: { 200: PipelineListSchema } } },
      async () => {
        const names = await listPipelines(dataDirectory)
        return {
          pipelines: await Promise.all(names.map(async (name) => summarize(name, await statusOf(dataDirectory, name)))),
        }
      },
    )
    server.get(
      '/pipelines/:name',
      {
        schema: {
          summary: 'Status of one pipeline',
          tags: ['pipelines'],
          params: PipelineNameSchema,
          response: { 200: PipelineStatusSchema, 404: ProblemSchema },
        },
      },
      async ({ params }) => {
        const status = await readPipelineStatus(dataDirectory, params.name)
        if (status !== undefined) return status
        throw new PipelineUnknownError({ name: params.name, data: dataDirectory, known: [] })
      },
    )
    done()
  }
}

/** A pipeline whose folder went away meanwhile has no status either. */
async function statusOf(dataDirectory: string, name: string): Promise<PipelineStatus | undefined> {
  try {
    return await readPipelineStatus(dataDirectory, name)
  } catch (error) {
    if (error instanceof PipelineUnknownError) return undefined
    throw error
  }
}

function summarize(name: string, status: PipelineStatus | undefined) {
  if (status === undefined) return { name, state: 'new' as const }
  return {
    name,
    state: status.state,
    updatedAt: new Date(status.updatedAt).toISOString(),
    read: status.records.read,
    dead: status.records.dead,
    watermark: timeText(status.watermark),
  }
}

/** Null before there is a watermark; a drained pipeline's lies beyond what a date can say. */
function timeText(ms: number | null): string | null {
  return ms === null || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString()
}
