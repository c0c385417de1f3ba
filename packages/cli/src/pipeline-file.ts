import { adapters } from '@headrace/adapters'
import {
  checkPipeline,
  inOrder,
  loadPipelineFile,
  type PipelineConfig,
  type PipelinePlan,
  type Problem,
} from '@headrace/core'
import type { CliContext } from './context.ts'
import { AlreadyReported, tellProblems } from './output/report-error.ts'

export type Parameters = Readonly<Record<string, string>>

/** A pipeline file after all checks that need nothing but the file: `plan` is there when there are no problems. */
export interface CheckedPipeline {
  readonly config?: PipelineConfig
  readonly plan?: PipelinePlan
  readonly problems: readonly Problem[]
}

/** Reads, parses and plans a pipeline file; collects every mistake. Opens nothing outside. */
export async function checkPipelineFile(file: string, parameters: Parameters): Promise<CheckedPipeline> {
  const { config, draft, problems } = await loadPipelineFile(file, adapters, { parameters })
  if (config !== undefined) return { config, ...(await checkPipeline(config, adapters)) }
  if (draft === undefined) return { problems }
  // The SQL's mistakes are told along with the others, wherever it can be looked at.
  return { problems: inOrder([...problems, ...(await checkPipeline(draft, adapters)).problems]) }
}

/** Reads and parses a pipeline file for a run, which plans it itself. Tells the mistakes and ends with exit code 1. */
export async function openPipelineFile(
  file: string,
  parameters: Parameters,
  context: CliContext,
  json: boolean,
): Promise<PipelineConfig> {
  const { config, problems } = await loadPipelineFile(file, adapters, { parameters })
  if (config !== undefined && problems.length === 0) return config
  tellProblems(problems, context, json)
  throw new AlreadyReported()
}
