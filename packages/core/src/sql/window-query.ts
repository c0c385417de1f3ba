import type { Field } from '../model/index.ts'
import {
  type ColumnRef,
  type Constant,
  canonical,
  columnRef,
  type Expression,
  type FunctionCall,
  isColumnRef,
  isFunctionCall,
  rewrite,
  type SelectNode,
  sameName,
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
  const names = new Names(node.select_list, source)
  const items = node.select_list.map((item) => names.normalise(item))
  const grouped =
    node.aggregate_handling === 'FORCE_AGGREGATES'
      ? items.filter((item) => aggregatesIn(item, isAggregate).length === 0)
      : node.group_expressions.map((group) => items[positionOf(group)] ?? names.normalise(group))
  const windowColumns = new Set<string>()
  const keys = new Map<string, Expression>()
  for (const group of grouped) {
    const column = windowColumnOf(group, source)
    if (column !== undefined) windowColumns.add(column)
    else keys.set(canonical(group), group)
  }
  const isGroup = (part: Expression) => keys.has(canonical(part)) || windowColumnOf(part, source) !== undefined
  return {
    source,
    items,
    where: node.where_clause ? names.normalise(node.where_clause) : undefined,
    having: node.having
      ? names.normaliseGrouped(node.having, (part) => isGroup(part) || (isFunctionCall(part) && isAggregate(part)))
      : undefined,
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

/** What names stand for: columns of the source first, then aliases of the select list. */
class Names {
  readonly #source: Source
  readonly #aliases = new Map<string, Expression>()

  constructor(selectList: readonly Expression[], source: Source) {
    this.#source = source
    for (const item of selectList) {
      const alias = (item.alias ?? '').toLowerCase()
      if (alias !== '') this.#aliases.set(alias, item)
    }
  }

  /** `own` are names that mean neither: parameters of a lambda, the alias that is being written out. */
  normalise(expression: Expression, own: ReadonlySet<string> = new Set()): Expression {
    return rewrite(expression, (part) => {
      if (isFunctionCall(part)) {
        return withLambdas(part, (lambda, names) => this.normalise(lambda, new Set([...own, ...names])))
      }
      if (!isColumnRef(part)) return undefined
      if (own.has((part.column_names[0] as string).toLowerCase())) return part
      return this.#column(part) ?? this.#alias(part, own)
    })
  }

  /** As HAVING is read: a column that is neither grouped nor aggregated gives way to an alias of that name. */
  normaliseGrouped(expression: Expression, isGroupOrAggregate: (part: Expression) => boolean): Expression {
    return rewrite(expression, (part) => {
      const normal = this.normalise(part)
      if (isGroupOrAggregate(normal) || (isFunctionCall(part) && isLambdaFunction(part))) return normal
      return isColumnRef(part) ? (this.#alias(part, new Set()) ?? normal) : undefined
    })
  }

  #column(ref: ColumnRef): Expression | undefined {
    const resolved = resolveColumn(ref, this.#source)
    if (resolved === undefined) return undefined
    return { ...columnRef(this.#source.alias, resolved.column.name, ...resolved.rest), alias: ref.alias ?? '' }
  }

  #alias(ref: ColumnRef, own: ReadonlySet<string>): Expression | undefined {
    const name = (ref.column_names[0] as string).toLowerCase()
    const meant = ref.column_names.length === 1 ? this.#aliases.get(name) : undefined
    return meant && { ...this.normalise(meant, new Set([...own, name])), alias: ref.alias ?? '' }
  }
}

/** A call with a lambda among its arguments, rewritten with the lambda's parameters known; undefined for other calls. */
function withLambdas(
  call: FunctionCall,
  normalise: (expression: Expression, parameters: readonly string[]) => Expression,
): FunctionCall | undefined {
  if (!isLambdaFunction(call)) return undefined
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

function isLambdaFunction(call: FunctionCall): boolean {
  return LAMBDA_FUNCTIONS.has(call.function_name.toLowerCase())
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
function windowColumnOf(expression: Expression, source: Source): string | undefined {
  if (!isColumnRef(expression)) return undefined
  const resolved = resolveColumn(expression, source)
  if (resolved === undefined || resolved.rest.length > 0) return undefined
  return WINDOW_COLUMNS.find(({ name }) => name === resolved.column.name)?.name
}

/** Whether any of the expressions reads a column of the window's own. */
export function namesWindowColumns(expressions: readonly (Expression | undefined)[], source: Source): boolean {
  let found = false
  walk(expressions, (object) => {
    if (object.class === 'COLUMN_REF' && windowColumnOf(object as unknown as ColumnRef, source) !== undefined)
      found = true
    return true
  })
  return found
}

/** Columns of the source that the query needs, the window's own left out. */
export function usedColumns(query: WindowQuery): Field[] {
  const used = new Set<string>()
  const note = (expression: Expression | undefined) =>
    walk(expression, (object) => {
      if (object.class === 'COLUMN_REF') {
        const resolved = resolveColumn(object as unknown as ColumnRef, query.source)
        if (resolved !== undefined) used.add(resolved.column.name)
      }
      return true
    })
  for (const expression of [...query.items, query.where, query.having, ...query.keys]) note(expression)
  const own = new Set(WINDOW_COLUMNS.map(({ name }) => name))
  return [...query.source.columns, ...query.source.metadata].filter(({ name }) => used.has(name) && !own.has(name))
}

/** A reference to the whole row (`list(w)`), if the query has one. */
export function wholeRowIn(query: WindowQuery, names: readonly string[]): Expression | undefined {
  let found: Expression | undefined
  walk([...query.items, query.where, query.having, ...query.keys], (object) => {
    if (!Array.isArray(object.column_names) || object.column_names.length !== 1) return true
    const ref = object as unknown as ColumnRef
    const isRow = names.some((name) => sameName(name, ref.column_names[0] as string))
    if (isRow && resolveColumn(ref, query.source) === undefined) found = ref
    return true
  })
  return found
}
