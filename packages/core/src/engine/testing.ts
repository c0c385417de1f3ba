import { parsePipeline } from '../config/index.ts'
import type { MemorySystem } from '../testing/memory-adapter.ts'
import type { RunOptions } from './options.ts'
import { runPipeline } from './run.ts'
import type { PipelineStatus } from './status.ts'

/** Runs a pipeline over a `MemorySystem`, once through unless told otherwise. */
export async function runInMemory(
  system: MemorySystem,
  dataDirectory: string,
  text: string,
  options: Partial<RunOptions> = {},
): Promise<PipelineStatus> {
  const { config, problems } = parsePipeline(text, 'pipeline.yaml', [system.adapter])
  if (config === undefined) throw new Error(JSON.stringify(problems))
  const { status } = await runPipeline({
    config,
    adapters: [system.adapter],
    connection: () => undefined,
    dataDirectory,
    mode: { kind: 'once' },
    drain: false,
    signal: new AbortController().signal,
    threads: 1,
    ...options,
  })
  return status
}
