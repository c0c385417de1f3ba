import type { Connection } from '../duckdb/index.ts'
import { quoteIdentifier } from '../duckdb/index.ts'
import { type Field, RECORDS_COLUMN, type WindowPlan } from '../model/index.ts'
import { type Decomposition, decompose, isFloating, needsOrder } from './aggregates.ts'
import { canonical, type Expression, type FunctionCall, type SelectNode, sameName } from './ast.ts'
import { UnplannableError } from './binding-session.ts'
import { SqlTimeAttributeError, SqlUnsupportedError, SqlWindowInvalidError, WatermarkMissingError } from './errors.ts'
import type { Binding } from './per-row.ts'
import type { Relation, Source } from './relation.ts'
import type { StepProblems } from './step-problems.ts'
import type { WindowCallPlan } from './window-call.ts'
import { planPartials } from './window-partials.ts'
import { aggregatesIn, analyseWindowQuery, WINDOW_COLUMNS, type WindowQuery, wholeRowIn } from './window-query.ts'
import { planRetainedRows } from './window-rows.ts'
import type { WindowedRows } from './window-sql.ts'

/** The name under which the binding session knows the rows of the window that is being planned. */
export const WINDOW_ROWS = '_w'

export interface WindowContext extends Binding {
  readonly connection: Connection
  readonly problems: StepProblems
  readonly isAggregate: (call: FunctionCall) => boolean
  /** The source's watermark column. */
  readonly eventTime: string | undefined
}

/** Whether a window may stand on this relation; else why not. */
export function checkWindowInput(call: WindowCallPlan, upstream: Relation, context: WindowContext): boolean {
  const { problems, eventTime } = context
  const before = problems.count
  if (eventTime === undefined) {
    problems.add(WatermarkMissingError, {}, call.timeAt)
  } else if (!upstream.perRow) {
    const reason = `"${upstream.name}" holds the rows of a window, and a window cannot stand on another`
    problems.add(
      SqlWindowInvalidError,
      { reason, instead: 'Let the window read input or a step before the first window.' },
      call.timeAt,
    )
  } else if (upstream.time === undefined || !sameName(upstream.time, call.timeColumn)) {
    problems.add(SqlTimeAttributeError, { column: call.timeColumn, time: upstream.time ?? eventTime }, call.timeAt)
  }
  const taken = upstream.columns.find(({ name }) => WINDOW_COLUMNS.some((own) => sameName(own.name, name)))
  if (taken !== undefined) {
    const reason = `"${upstream.name}" has a column ${taken.name}, which the window adds itself`
    problems.add(
      SqlWindowInvalidError,
      { reason, instead: 'Rename the column in a step before the window.' },
      call.timeAt,
    )
  }
  return problems.count === before
}

/** The rows of a window as a relation to bind against. */
export function windowRowFields(upstream: Relation): Field[] {
  return [...upstream.columns, ...upstream.metadata, ...WINDOW_COLUMNS]
}

/** The window's aggregates need the order of records, which its upstream does not carry: plan again with it. */
export const NEEDS_ORDER = 'needsOrder'

/** A windowed SELECT that DuckDB has bound (to `columns`), made into what runs each epoch and what fires. */
export async function planWindow(
  node: SelectNode,
  step: {
    readonly name: string
    readonly call: WindowCallPlan
    readonly upstream: Relation
    readonly columns: readonly Field[]
  },
  context: WindowContext,
): Promise<WindowPlan | typeof NEEDS_ORDER | undefined> {
  const { call, upstream, columns } = step
  const source: Source = {
    alias: call.alias || 'windowed',
    columns: [...upstream.columns, ...WINDOW_COLUMNS],
    metadata: upstream.metadata,
  }
  const query = analyseWindowQuery(node, source, context.isAggregate)
  if (!checkGroups(query, node, context) || !checkWholeRows(query, context)) return undefined
  const time = upstream.columns.find(({ name }) => sameName(name, call.timeColumn)) as Field
  const rows: WindowedRows = { upstream: upstream.name, time, window: call.window, alias: source.alias }
  const stateTable = `_window_${step.name}`
  const aggregates = await typedAggregates(query, context)
  const decompositions = decomposeAll(aggregates)
  const base = {
    kind: 'window',
    name: step.name,
    upstream: upstream.name,
    window: call.window,
    stateTable,
    columns,
  } as const
  if (decompositions !== undefined) {
    const keyTypes = await typesOf(query.keys, source.alias, context)
    const statements = await planPartials(
      query,
      { rows, stateTable, columns, keyTypes, decompositions },
      context.parser,
    )
    return finish({ ...base, ...statements, strategy: 'partials', notes: [] }, context)
  }
  const ordered = aggregates.filter(({ call: own, argument }) => needsOrder(own, argument))
  const isOrdered = (own: FunctionCall) => ordered.some(({ key }) => key === canonical(own))
  const byRecord = ordered.some(({ call: own }) => own.distinct !== true)
  if (byRecord && upstream.order === undefined) return NEEDS_ORDER
  const order = byRecord ? upstream.order : undefined
  const statements = await planRetainedRows(query, { rows, stateTable, columns, order, isOrdered }, context.parser)
  return finish({ ...base, ...statements, strategy: 'rows', notes: notesOn(aggregates) }, context)
}

function checkGroups(query: WindowQuery, node: SelectNode, { problems }: WindowContext): boolean {
  const before = problems.count
  if (node.group_sets.length > 1) {
    const reason = 'GROUPING SETS, ROLLUP and CUBE are not supported in a window'
    problems.add(SqlWindowInvalidError, { reason, instead: 'Write one step for each grouping.' }, 0)
  } else if (!query.windowColumns.has('window_start') || !query.windowColumns.has('window_end')) {
    const reason = 'a windowed step must group by window_start and window_end'
    problems.add(
      SqlWindowInvalidError,
      { reason, instead: 'Write GROUP BY window_start, window_end, and then the keys.' },
      0,
    )
  }
  return problems.count === before
}

function checkWholeRows(query: WindowQuery, { problems }: WindowContext): boolean {
  const row = wholeRowIn(query, [query.source.alias, WINDOW_ROWS])
  if (row === undefined) return true
  problems.add(SqlUnsupportedError, { what: 'a whole row as a value in a window', instead: 'Name the columns.' }, 0)
  return false
}

interface TypedAggregate {
  readonly call: FunctionCall
  readonly key: string
  /** Type of the first argument; empty where there is none. */
  readonly argument: string
  readonly result: string
}

/** The query's aggregates, each once, with their types. */
async function typedAggregates(query: WindowQuery, context: WindowContext): Promise<TypedAggregate[]> {
  const calls = new Map<string, FunctionCall>()
  for (const expression of [...query.items, ...(query.having ? [query.having] : [])]) {
    for (const call of aggregatesIn(expression, context.isAggregate)) calls.set(canonical(call), call)
  }
  const { alias } = query.source
  const results = await typesOf([...calls.values()], alias, context)
  const withArgument = [...calls.values()].flatMap((call) => call.children.slice(0, 1))
  const types = await typesOf(withArgument, alias, context)
  return [...calls].map(([key, call], i) => {
    const argument = call.children[0] === undefined ? '' : (types[withArgument.indexOf(call.children[0])] as string)
    return { call, key, argument, result: results[i] as string }
  })
}

async function typesOf(
  expressions: readonly Expression[],
  alias: string,
  { parser, session }: WindowContext,
): Promise<string[]> {
  if (expressions.length === 0) return []
  const items = (await parser.renderExpressions(expressions)).map((text, i) => `${text} AS t${i}`)
  const fields = await session.describe(`SELECT ${items.join(', ')} FROM ${WINDOW_ROWS} AS ${quoteIdentifier(alias)}`)
  return fields.map(({ type }) => type)
}

function decomposeAll(aggregates: readonly TypedAggregate[]): Map<string, Decomposition> | undefined {
  const all = new Map<string, Decomposition>()
  for (const { key, call, argument, result } of aggregates) {
    const decomposition = decompose(call, argument, result)
    if (decomposition === undefined) return undefined
    all.set(key, decomposition)
  }
  return all
}

function notesOn(aggregates: readonly TypedAggregate[]): string[] {
  const names = (chosen: readonly TypedAggregate[]) =>
    [...new Set(chosen.map(({ call }) => `${call.function_name}${call.distinct ? '(DISTINCT)' : ''}`))].join(', ')
  const whole = aggregates.filter(({ call, argument, result }) => decompose(call, argument, result) === undefined)
  const ordered = aggregates.filter(({ call, argument }) => needsOrder(call, argument) && call.distinct !== true)
  const floating = ordered.filter(({ argument }) => isFloating(argument))
  const notes = [`The window keeps its rows, because ${names(whole)} cannot be merged from partial results.`]
  if (ordered.length > 0) notes.push(`${names(ordered)} reads the rows in the order of partition and offset.`)
  if (floating.length > 0) {
    notes.push(
      `Floating-point results of ${names(floating)} depend on the order of addition; a DECIMAL argument would not, and would keep less.`,
    )
  }
  return notes
}

/** Adds the state's columns, and makes sure that what was put together binds and gives what the user's query gives. */
async function finish(plan: Omit<WindowPlan, 'stateColumns'>, { session }: WindowContext): Promise<WindowPlan> {
  const stateColumns = await session.describe(plan.accumulate)
  await session.declare('actual', plan.stateTable, stateColumns)
  const fired = await session.describe(plan.fire.replace('$1::TIMESTAMP', "TIMESTAMP 'infinity'"))
  const shown = (fields: readonly Field[]) => fields.map(({ name, type }) => `${name} ${type}`).join(', ')
  if (shown(fired) !== shown(plan.columns) || !stateColumns.some(({ name }) => name === RECORDS_COLUMN)) {
    throw new UnplannableError(`the window would give ${shown(fired)} instead of ${shown(plan.columns)}`)
  }
  return { ...plan, stateColumns }
}
