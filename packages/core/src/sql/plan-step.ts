import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { Connection } from '../duckdb/index.ts'
import type { Problem } from '../errors/index.ts'
import { type Field, INPUT_RELATION, type RelationPlan, type SelectPlan } from '../model/index.ts'
import { isColumnRef, isSelect, type SelectNode, sameName, type TableFunctionRef, walk } from './ast.ts'
import { type BindFailure, type BindingSession, UnplannableError } from './binding-session.ts'
import { replaceCall } from './dialect-flink.ts'
import {
  SqlColumnMissingError,
  SqlColumnNameError,
  SqlInvalidError,
  SqlRelationUnknownError,
  SqlUnsupportedError,
  SqlWindowInvalidError,
} from './errors.ts'
import type { FunctionCatalog } from './function-catalog.ts'
import type { ParsedStep } from './parse-step.ts'
import type { SqlParser } from './parser.ts'
import { planPerRow, relationNamed, type Scope, withTables } from './per-row.ts'
import { checkWindowInput, NEEDS_ORDER, planWindow, WINDOW_ROWS, windowRowFields } from './plan-window.ts'
import { actualFields, INTERNAL_COLUMNS, type Relation } from './relation.ts'
import { checkQuery } from './rules.ts'
import { StepProblems } from './step-problems.ts'
import { planWindowCall } from './window-call.ts'

export interface PlanningContext {
  readonly config: PipelineConfig
  readonly connection: Connection
  readonly parser: SqlParser
  readonly session: BindingSession
  readonly functions: FunctionCatalog
}

/** `input` and the steps planned so far; names (lower case) of those that could not be planned. */
export interface Earlier {
  readonly relations: readonly Relation[]
  readonly broken: ReadonlySet<string>
}

export interface PlannedStep {
  readonly plans: readonly RelationPlan[]
  readonly relation: Relation
}

/** One step; undefined when something is wrong with it, or with a step that it reads. */
export async function planStep(
  step: ParsedStep,
  earlier: Earlier,
  context: PlanningContext,
  found: Problem[],
): Promise<PlannedStep | typeof NEEDS_ORDER | undefined> {
  const problems = new StepProblems(context.config, step, found).within(step.compiled)
  const input = earlier.relations.find(({ name }) => sameName(name, step.from))
  if (step.node === undefined || input === undefined) return undefined
  const known = [INPUT_RELATION, ...earlier.relations.slice(1).map(({ name }) => name), ...earlier.broken]
  checkQuery(step.node, {
    functions: context.functions,
    relations: known,
    columns: new Set(earlier.relations.flatMap(({ columns }) => columns.map(({ name }) => name.toLowerCase()))),
    problems,
  })
  if (problems.count > 0 || readsBroken(step, earlier) || !isSelect(step.node)) return undefined
  const scope: Scope = { input, relations: earlier.relations, tables: new Map() }
  await declareVisible(scope, context.session)
  const planned = await planChecked(step, step.node, scope, context, problems)
  if (planned === undefined || planned === NEEDS_ORDER) return planned
  await context.session.declare('actual', planned.relation.name, actualFields(planned.relation))
  return planned
}

async function planChecked(
  step: ParsedStep,
  node: SelectNode,
  scope: Scope,
  context: PlanningContext,
  problems: StepProblems,
): Promise<PlannedStep | typeof NEEDS_ORDER | undefined> {
  const windowed = node.from_table.type === 'TABLE_FUNCTION'
  try {
    return await (windowed ? planWindowStep : planSelectStep)(step, node, scope, context, problems)
  } catch (error) {
    if (!(error instanceof UnplannableError)) throw error
    const instead = `Write it in a simpler form, or in several steps (${error.message.split('\n')[0]}).`
    problems.add(SqlUnsupportedError, { what: 'this form of query', instead }, 0)
    return undefined
  }
}

/** Whether the step names a step that could not be planned: what is wrong there has been said. */
function readsBroken(step: ParsedStep, { broken }: Earlier): boolean {
  let reads = false
  walk(step.node, (object) => {
    if (typeof object.table_name === 'string' && broken.has(object.table_name.toLowerCase())) reads = true
    return true
  })
  const from = step.node !== undefined && isSelect(step.node) ? step.node.from_table : undefined
  if (from?.type !== 'TABLE_FUNCTION') return reads
  const [table] = (from as TableFunctionRef).function.children
  return reads || (table !== undefined && isColumnRef(table) && broken.has((table.column_names[0] ?? '').toLowerCase()))
}

async function declareVisible(scope: Scope, session: BindingSession): Promise<void> {
  for (const relation of scope.relations) {
    await session.declare('visible', relation.name, [...relation.columns, ...relation.metadata])
  }
  await session.declare('visible', INPUT_RELATION, [...scope.input.columns, ...scope.input.metadata])
}

async function planSelectStep(
  step: ParsedStep,
  node: SelectNode,
  scope: Scope,
  context: PlanningContext,
  problems: StepProblems,
): Promise<PlannedStep | undefined> {
  const bound = await bindUserSql(step.plain.sql, context, problems)
  if (bound === undefined) return undefined
  const { keepsMetadata } = step.compiled
  const query = await planPerRow(node, step.name, scope, context, { keepsMetadata })
  const { relation } = query
  if (!checkNames(relation.columns, problems)) return undefined
  const plan: SelectPlan = {
    kind: 'select',
    name: step.name,
    sql: await context.parser.render(query.node),
    columns: relation.columns,
    perRow: relation.perRow,
  }
  return { plans: [plan], relation }
}

async function planWindowStep(
  step: ParsedStep,
  node: SelectNode,
  outer: Scope,
  context: PlanningContext,
  problems: StepProblems,
): Promise<PlannedStep | typeof NEEDS_ORDER | undefined> {
  const call = await planWindowCall(node.from_table as TableFunctionRef, { ...context, problems })
  if (call === undefined) return undefined
  const scope = await withTables(node, outer, context)
  const table = scope.tables.get(call.table.toLowerCase())
  const upstream =
    table === undefined ? relationNamed(scope, call.table) : { ...table.relation, name: `${step.name}.${call.table}` }
  if (upstream === undefined) {
    const known = [INPUT_RELATION, ...outer.relations.slice(1).map(({ name }) => name)]
    problems.add(SqlRelationUnknownError, { relation: call.table, known }, call.tableAt)
    return undefined
  }
  const windowContext = {
    ...context,
    problems,
    isAggregate: ({ function_name }: { function_name: string }) =>
      context.functions.aggregates.has(function_name.toLowerCase()),
    eventTime: context.config.source.watermark?.column,
  }
  if (!checkWindowInput(call, upstream, windowContext)) return undefined
  await context.session.declare('visible', WINDOW_ROWS, windowRowFields(upstream))
  await context.session.declare('actual', WINDOW_ROWS, windowRowFields(upstream))
  const [span] = step.plain.windows
  if (span === undefined) {
    const reason = 'TUMBLE wants the word TABLE before the name of what it reads'
    problems.add(SqlWindowInvalidError, { reason, instead: `Write TUMBLE(TABLE ${call.table}, …).` }, call.tableAt)
    return undefined
  }
  const columns = await bindUserSql(replaceCall(step.plain.sql, span, WINDOW_ROWS), context, problems)
  if (columns === undefined || !checkNames(columns, problems)) return undefined
  const plans: RelationPlan[] = []
  if (table !== undefined) {
    plans.push({
      kind: 'select',
      name: upstream.name,
      sql: await context.parser.render(table.node),
      columns: upstream.columns,
      perRow: true,
    })
    await context.session.declare('actual', upstream.name, actualFields(upstream))
  }
  const plan = await planWindow(node, { name: step.name, call, upstream, columns }, windowContext)
  if (plan === undefined || plan === NEEDS_ORDER) return plan
  const relation: Relation = { name: step.name, columns, metadata: [], carried: [], perRow: false }
  return { plans: [...plans, plan], relation }
}

/** What DuckDB makes of the SQL as the user wrote it: that is where its messages point. */
async function bindUserSql(
  sql: string,
  { session }: PlanningContext,
  problems: StepProblems,
): Promise<readonly Field[] | undefined> {
  const bound = await session.bind('visible', sql)
  if ('columns' in bound) return bound.columns
  reportBinding(bound.failure, problems)
  return undefined
}

function reportBinding({ subtype, name, message, candidates, at }: BindFailure, problems: StepProblems): void {
  if (subtype === 'COLUMN_NOT_FOUND') {
    problems.add(SqlColumnMissingError, { column: name, candidates }, at ?? 0)
  } else {
    const [reason = '', ...more] = message.split('\n').filter((line) => line.trim() !== '')
    const hint = more.map((line) => line.trim()).join(' ')
    problems.add(SqlInvalidError, { reason, candidates: hint }, at ?? 0)
  }
}

/** Column names must be there once only: DuckDB would rename the second silently. */
function checkNames(columns: readonly Field[], problems: StepProblems): boolean {
  const before = problems.count
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (seen.has(name.toLowerCase())) problems.add(SqlColumnNameError, { column: name, reason: 'is there twice' }, 0)
    else if (INTERNAL_COLUMNS.has(name.toLowerCase())) {
      problems.add(SqlColumnNameError, { column: name, reason: 'is kept for internal use' }, 0)
    }
    seen.add(name.toLowerCase())
  }
  return problems.count === before
}
