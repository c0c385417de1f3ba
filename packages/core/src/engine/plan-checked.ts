import type { PipelineConfig } from '../config/pipeline-config.ts'
import { Database } from '../duckdb/index.ts'
import type { Problem } from '../errors/index.ts'
import type { AdapterDefinition, PipelinePlan } from '../model/index.ts'
import { loadFunctionCatalog, planPipeline } from '../sql/index.ts'
import { checkSinks } from './adapters.ts'
import { PipelineInvalidError } from './errors.ts'
import { sharingProblems } from './sharing.ts'

/** Plans a pipeline's SQL and lets the adapters check what they would get. Opens nothing but a database in memory. */
export async function checkPipeline(
  config: PipelineConfig,
  adapters: readonly AdapterDefinition[],
): Promise<{ plan?: PipelinePlan; problems: readonly Problem[] }> {
  const database = await Database.open(undefined, { threads: 1 })
  try {
    const [connection, beside] = await Promise.all([database.connect(), database.connect()])
    // Takes as long as half of the rest: begun at once, beside it. Planning tells what goes wrong with it.
    loadFunctionCatalog(beside).catch(() => undefined)
    const { plan, problems } = await planPipeline(config, connection)
    if (plan === undefined) return { problems }
    const sharing = sharingProblems(config, adapters, plan)
    return { plan, problems: [...problems, ...checkSinks(config, adapters, plan), ...sharing] }
  } finally {
    database.close()
  }
}

/** The plan of a pipeline without mistakes. Throws PIPELINE_INVALID with all of them. */
export async function planChecked(
  config: PipelineConfig,
  adapters: readonly AdapterDefinition[],
): Promise<PipelinePlan> {
  const { plan, problems } = await checkPipeline(config, adapters)
  const first = problems[0]
  if (plan !== undefined && first === undefined) return plan
  throw new PipelineInvalidError(
    { pipeline: config.name, problems },
    first?.place === undefined ? {} : { place: first.place },
  )
}
