import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineError } from '../errors/index.ts'
import type { PipelineStatus } from './status.ts'

export class PipelineUnknownError extends defineError<{ name: string; data: string; known: readonly string[] }>({
  code: 'PIPELINE_UNKNOWN',
  fault: 'user',
  retry: 'never',
  message: (d) => `no pipeline "${d.name}" has run in ${d.data}`,
  hint: (d) =>
    d.known.length === 0
      ? 'No pipeline has: is this the data folder that `headrace run` used?'
      : `There are: ${d.known.join(', ')}. Or is it another data folder?`,
  example: { name: 'trades', data: '.headrace', known: ['trades-per-minute'] },
}) {}

/** Names of the pipelines that have a folder in a data folder, in order; none where there is no such folder. */
export async function listPipelines(dataDirectory: string): Promise<string[]> {
  const entries = await readdir(join(dataDirectory, 'pipelines'), { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

/** The folder of a pipeline that has run. Throws PIPELINE_UNKNOWN; a name can never lead out of the data folder. */
export async function pipelineDirectory(dataDirectory: string, name: string): Promise<string> {
  const known = await listPipelines(dataDirectory)
  if (!known.includes(name)) throw new PipelineUnknownError({ name, data: dataDirectory, known })
  return join(dataDirectory, 'pipelines', name)
}

/**
 * What the pipeline last said of itself, while it runs or after; undefined before it has said anything. A process that was
 * killed leaves `running` behind: then the status says `stopped`.
 */
export async function readPipelineStatus(dataDirectory: string, name: string): Promise<PipelineStatus | undefined> {
  const file = join(await pipelineDirectory(dataDirectory, name), 'status.json')
  // Written beside its name and renamed, so what is there is whole.
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const status = parseStatus(text)
  if (status === undefined) return undefined
  const over = ['stopped', 'finished', 'failed'].includes(status.state)
  return over || isAlive(status.pid) ? status : { ...status, state: 'stopped', recordsPerSecond: 0 }
}

/** Undefined for what a power cut left: the file is not synced. */
function parseStatus(text: string): PipelineStatus | undefined {
  try {
    return JSON.parse(text) as PipelineStatus
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It lives, but belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
