import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { Connection } from '../duckdb/index.ts'
import { type Place, type Problem, problemOf } from '../errors/index.ts'
import {
  type Field,
  INPUT_RELATION,
  type MetadataColumn,
  type PipelinePlan,
  type RelationPlan,
  type SinkPlan,
} from '../model/index.ts'
import { sameName } from './ast.ts'
import { BindingSession } from './binding-session.ts'
import { ColumnTypeError, SqlColumnNameError, WatermarkColumnError } from './errors.ts'
import { loadFunctionCatalog } from './function-catalog.ts'
import { type ParsedStep, parseSteps } from './parse-step.ts'
import { SqlParser } from './parser.ts'
import { type PlanningContext, planStep } from './plan-step.ts'
import { NEEDS_ORDER } from './plan-window.ts'
import { actualFields, INTERNAL_COLUMNS, inputRelation, METADATA_COLUMNS, type Relation } from './relation.ts'

export interface Planned {
  /** There when nothing is wrong. */
  readonly plan?: PipelinePlan
  readonly problems: readonly Problem[]
}

/**
 * Parses, checks and binds a pipeline's SQL and splits it into what runs each epoch. `connection` is to an in-memory
 * DuckDB of the caller's that nothing else uses; no data is read. All mistakes are found at once, as far as one does not
 * hide another.
 */
export async function planPipeline(config: PipelineConfig, connection: Connection): Promise<Planned> {
  const problems: Problem[] = []
  const parser = new SqlParser(connection)
  const columns = await declaredColumns(config, parser, connection, problems)
  checkWatermark(config, columns, problems)
  const steps = await parseSteps(config, parser, problems)
  if (problems.length > 0 && columns === undefined) return { problems }
  const session = await BindingSession.open(connection)
  try {
    const context: PlanningContext = {
      config,
      connection,
      parser,
      session,
      functions: await loadFunctionCatalog(connection),
    }
    const input = { columns: columns as readonly Field[], steps }
    const planned = await planAll(context, input, problems, { ordered: false })
    return planned === NEEDS_ORDER ? await planAgainOrdered(context, input, problems) : planned
  } finally {
    await session.close()
  }
}

interface PlanInput {
  readonly columns: readonly Field[]
  readonly steps: readonly ParsedStep[]
}

async function planAgainOrdered(
  context: PlanningContext,
  input: PlanInput,
  problems: readonly Problem[],
): Promise<Planned> {
  const planned = await planAll(context, input, problems, { ordered: true })
  if (planned === NEEDS_ORDER) throw new Error('the order of records was carried, and yet is missing')
  return planned
}

async function planAll(
  context: PlanningContext,
  { columns, steps }: PlanInput,
  found: readonly Problem[],
  { ordered }: { ordered: boolean },
): Promise<Planned | typeof NEEDS_ORDER> {
  const { config, session } = context
  const problems = [...found]
  const metadata = METADATA_COLUMNS.filter((name) => isWanted(name, steps, ordered))
  const watermark = config.source.watermark
  const time = columns.find(({ name }) => watermark !== undefined && sameName(name, watermark.column))?.name
  const relations: Relation[] = [inputRelation(columns, metadata, time, ordered)]
  const plans: RelationPlan[] = []
  const broken = new Set<string>()
  await session.declare('actual', INPUT_RELATION, actualFields(relations[0] as Relation))
  for (const step of steps) {
    const result = await planStep(step, { relations, broken }, context, problems)
    if (result === NEEDS_ORDER) return NEEDS_ORDER
    if (result === undefined) broken.add(step.name.toLowerCase())
    else {
      plans.push(...result.plans)
      relations.push(result.relation)
    }
  }
  if (problems.length > 0) return { problems }
  const input = {
    columns,
    required: config.source.decode.required,
    metadata,
    ...(watermark === undefined ? {} : { eventTime: { ...watermark, column: time as string } }),
  }
  return { plan: { input, relations: plans, sinks: planSinks(config, relations) }, problems }
}

function isWanted(name: MetadataColumn, steps: readonly ParsedStep[], ordered: boolean): boolean {
  if (ordered && (name === '_partition' || name === '_offset')) return true
  return steps.some((step) => step.names.has(name))
}

/** The source's columns with types as DuckDB prints them; undefined if any is none. */
async function declaredColumns(
  config: PipelineConfig,
  parser: SqlParser,
  connection: Connection,
  problems: Problem[],
): Promise<readonly Field[] | undefined> {
  const columns: Field[] = []
  const declared = config.source.decode.columns
  for (const { name, type } of declared) {
    if (INTERNAL_COLUMNS.has(name.toLowerCase()) || METADATA_COLUMNS.some((own) => sameName(own, name))) {
      const details = { step: config.source.name, column: name, reason: 'is kept for internal use' }
      problems.push(problemOf(new SqlColumnNameError(details, placed(columnPlace(config, name)))))
    }
    const printed = await printedType(type, parser, connection)
    if (printed !== undefined) columns.push({ name, type: printed })
    else {
      problems.push(problemOf(new ColumnTypeError({ column: name, type }, placed(columnPlace(config, name)))))
    }
  }
  return columns.length === declared.length ? columns : undefined
}

function columnPlace(config: PipelineConfig, name: string): Place | undefined {
  return config.placeOf(['source', 'decode', config.source.decode.format, 'columns', name])
}

function placed(place: Place | undefined): { place?: Place } {
  return place === undefined ? {} : { place }
}

async function printedType(type: string, parser: SqlParser, connection: Connection): Promise<string | undefined> {
  const parsed = await parser.parseExpression(`CAST(NULL AS ${type})`, { alias: 'refused' })
  if ('failure' in parsed || parsed.expression.class !== 'CAST') return undefined
  try {
    const [field] = await connection.describe(`SELECT CAST(NULL AS ${type}) AS value`)
    return field?.type
  } catch {
    // DuckDB knows no such type.
    return undefined
  }
}

const TIMES: ReadonlySet<string> = new Set([
  'TIMESTAMP',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
  'TIMESTAMP_NS',
  'TIMESTAMP WITH TIME ZONE',
])

function checkWatermark(config: PipelineConfig, columns: readonly Field[] | undefined, problems: Problem[]): void {
  const { watermark } = config.source
  if (watermark === undefined || columns === undefined) return
  const column = columns.find(({ name }) => sameName(name, watermark.column))
  if (column !== undefined && TIMES.has(column.type)) return
  const place = config.placeOf(['source', 'watermark', 'column'])
  const details = { column: watermark.column, type: column?.type ?? '', candidates: columns.map(({ name }) => name) }
  problems.push(problemOf(new WatermarkColumnError(details, placed(place))))
}

function planSinks(config: PipelineConfig, relations: readonly Relation[]): SinkPlan[] {
  return config.sinks.map((sink) => {
    const relation = relations.find(({ name }) => sameName(name, sink.from))
    if (relation === undefined) throw new Error(`sink ${sink.name} reads ${sink.from}, which is no step`)
    return { name: sink.name, relation: relation.name, columns: relation.columns }
  })
}
