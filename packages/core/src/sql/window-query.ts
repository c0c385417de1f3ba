import type { Field } from '../model/index.ts'
import {
  type Constant,
  canonical,
  columnRef,
  type Expression,
  type FunctionCall,
  isColumnRef,
  isFunctionCall,
  rewrite,
  type SelectNode,
  walk,
} from './ast.ts'
import { resolveColumn, type Source } from './relation.ts'

export const WINDOW_COLUMNS: readonly Field[] = [
  { name: 'window_start', type: 'TIMESTAMP' },
  { name: 'window_end', type: 'TIMESTAMP' },
  { name: 'window_time', type: 'TIMESTAMP' },
]

// Elsewhere DuckDB reads `a -> b` as an access to JSON.
const LAMBDA_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['apply', 'array_apply', 'array_transform', 'list_apply', 'list_transform'],
  ...['array_filter', 'filter', 'list_filter'],
  ...['array_reduce', 'list_reduce', 'reduce'],
])

/** A windowed aggregation taken apart; every column reference is `alias.column`, and aliases are replaced by what they stand for. */
export interface WindowQuery {
  /** The rows of the window: the upstream's columns and the window's. */
  readonly source: Source
  readonly items: readonly Expression[]
  readonly where: Expression | undefined
  readonly having: Expression | undefined
  /** Group expressions apart from the window's own columns. */
  readonly keys: readonly Expression[]
  /** Which of the window's columns are grouped by. */
  readonly windowColumns: ReadonlySet<string>
}

/** Takes a SELECT over a window apart. `isAggregate` says whether a function is one. */
export function analyseWindowQuery(
  node: SelectNode,
  source: Source,
  isAggregate: (call: FunctionCall) => boolean,
): WindowQuery {
  const normalise = normaliser(node.select_list, source)
  const items = node.select_list.map(normalise)
  const grouped =
    node.aggregate_handling === 'FORCE_AGGREGATES'
      ? items.filter((item) => aggregatesIn(item, isAggregate).length === 0)
      : node.group_expressions.map((group) => items[positionOf(group)] ?? normalise(group))
  const windowColumns = new Set<string>()
  const keys = new Map<string, Expression>()
  for (const group of grouped) {
    const column = windowColumnOf(group, source)
    if (column !== undefined) windowColumns.add(column)
    else keys.set(canonical(group), group)
  }
  return {
    source,
    items,
    where: node.where_clause ? normalise(node.where_clause) : undefined,
    having: node.having ? normalise(node.having) : undefined,
    keys: [...keys.values()],
    windowColumns,
  }
}

/** `GROUP BY 2` is the second column; anything else has no position. */
function positionOf(group: Expression): number {
  if (group.class !== 'CONSTANT') return -1
  const { value } = (group as Constant).value
  return typeof value === 'number' ? value - 1 : -1
}

function normaliser(selectList: readonly Expression[], source: Source): (expression: Expression) => Expression {
  const aliases = new Map<string, Expression>()
  for (const item of selectList) if ((item.alias ?? '') !== '') aliases.set((item.alias as string).toLowerCase(), item)
  const normalise = (expression: Expression, own: ReadonlySet<string>): Expression =>
    rewrite(expression, (part) => {
      if (isFunctionCall(part))
        return withLambdas(part, (lambda, names) => normalise(lambda, new Set([...own, ...names])))
      if (!isColumnRef(part)) return undefined
      const name = (part.column_names[0] as string).toLowerCase()
      if (own.has(name)) return part
      const resolved = resolveColumn(part, source)
      if (resolved !== undefined) {
        return { ...columnRef(source.alias, resolved.column.name, ...resolved.rest), alias: part.alias ?? '' }
      }
      const meant = part.column_names.length === 1 ? aliases.get(name) : undefined
      return meant && { ...normalise(meant, new Set([...own, name])), alias: part.alias ?? '' }
    })
  return (expression) => normalise(expression, new Set())
}

/** A call with a lambda among its arguments, rewritten with the lambda's parameters known; undefined for other calls. */
function withLambdas(
  call: FunctionCall,
  normalise: (expression: Expression, parameters: readonly string[]) => Expression,
): FunctionCall | undefined {
  if (!LAMBDA_FUNCTIONS.has(call.function_name.toLowerCase())) return undefined
  const children = call.children.map((child) => {
    if (child.class !== 'LAMBDA') return normalise(child, [])
    const names: string[] = []
    walk(child.lhs, (object) => {
      if (Array.isArray(object.column_names)) names.push(String(object.column_names[0]).toLowerCase())
      return true
    })
    return { ...child, expr: normalise(child.expr as Expression, names) }
  })
  return { ...call, children }
}

/** The aggregates of an expression, outermost ones only. */
export function aggregatesIn(expression: Expression, isAggregate: (call: FunctionCall) => boolean): FunctionCall[] {
  const found: FunctionCall[] = []
  walk(expression, (object) => {
    if (object.class !== 'FUNCTION' || !isFunctionCall(object as Expression)) return true
    if (!isAggregate(object as FunctionCall)) return true
    found.push(object as FunctionCall)
    return false
  })
  return found
}

/** Which of the window's columns an expression is, if it is one. */
export function windowColumnOf(expression: Expression, source: Source): string | undefined {
  if (!isColumnRef(expression)) return undefined
  const resolved = resolveColumn(expression, source)
  if (resolved === undefined || resolved.rest.length > 0) return undefined
  return WINDOW_COLUMNS.find(({ name }) => name === resolved.column.name)?.name
}

/** Columns of the source that the query needs, the window's own left out. */
export function usedColumns(query: WindowQuery): Field[] {
  const used = new Set<string>()
  const note = (expression: Expression | undefined) =>
    walk(expression, (object) => {
      if (object.class === 'COLUMN_REF') {
        const resolved = resolveColumn(object as unknown as Parameters<typeof resolveColumn>[0], query.source)
        if (resolved !== undefined) used.add(resolved.column.name)
      }
      return true
    })
  for (const expression of [...query.items, query.where, query.having, ...query.keys]) note(expression)
  const own = new Set(WINDOW_COLUMNS.map(({ name }) => name))
  return [...query.source.columns, ...query.source.metadata].filter(({ name }) => used.has(name) && !own.has(name))
}
