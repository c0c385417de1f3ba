import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { PipelineUnknownError } from './errors.ts'

/** Names of the pipelines that have a folder in the data folder, in order. */
export async function listPipelines(data: string): Promise<string[]> {
  const entries = await readdir(path.join(data, 'pipelines'), { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

/** The folder of a pipeline that has run. Throws PIPELINE_UNKNOWN. */
export async function pipelineDirectory(data: string, name: string): Promise<string> {
  const known = await listPipelines(data)
  if (!known.includes(name)) throw new PipelineUnknownError({ name, data, known })
  return path.join(data, 'pipelines', name)
}
