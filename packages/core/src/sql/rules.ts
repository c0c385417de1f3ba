import {
  type BaseTable,
  type ColumnRef,
  type Expression,
  type FunctionCall,
  isColumnRef,
  isExpression,
  isFunctionCall,
  isSelect,
  type QueryNode,
  type SelectNode,
  type SubqueryRef,
  sameName,
  type TableFunctionRef,
  type TableRef,
  walk,
} from './ast.ts'
import {
  SqlColumnNameError,
  SqlNotDeterministicError,
  SqlOutsideAccessError,
  SqlRelationUnknownError,
  SqlUnboundedAggregateError,
  SqlUnsupportedError,
  SqlWindowInvalidError,
  SqlWindowUnsupportedError,
} from './errors.ts'
import { type FunctionCatalog, OUTSIDE_FUNCTIONS, UNNESTING_FUNCTIONS, VALUE_FUNCTIONS } from './function-catalog.ts'
import { INTERNAL_COLUMNS } from './relation.ts'
import type { StepProblems } from './step-problems.ts'

export interface RuleContext {
  readonly functions: FunctionCatalog
  /** Names that FROM may use: `input` and the steps before. */
  readonly relations: readonly string[]
  /** Names of all columns of those, in lower case. */
  readonly columns: ReadonlySet<string>
  readonly problems: StepProblems
}

/**
 * What a step's SQL may be, judged by its syntax tree alone, before DuckDB binds it and so before it could open anything.
 * Whatever is not known to be harmless is refused.
 */
export function checkQuery(node: QueryNode, context: RuleContext): void {
  new QueryRules(context).query(node, new Set(), true)
}

const EXPRESSION_CLASSES: ReadonlySet<string> = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'LAMBDA',
  'LAMBDA_REF',
  'OPERATOR',
  'STAR',
])

const ONE_RELATION = 'A step reads one relation: FROM input, or FROM a step before it.'

class QueryRules {
  readonly #context: RuleContext
  readonly #problems: StepProblems

  constructor(context: RuleContext) {
    this.#context = context
    this.#problems = context.problems
  }

  query(node: QueryNode, outerTables: ReadonlySet<string>, top: boolean): void {
    const tables = new Set(outerTables)
    for (const { key, value } of node.cte_map.map) {
      this.query(value.query.node, tables, false)
      tables.add(key.toLowerCase())
    }
    if (!isSelect(node)) {
      const what = node.type === 'SET_OPERATION_NODE' ? 'UNION, INTERSECT or EXCEPT' : 'a recursive query'
      this.#problems.add(SqlUnsupportedError, { what, instead: ONE_RELATION }, firstLocation(node))
      return
    }
    const windowed = this.#from(node.from_table, tables, top)
    this.#clauses(node, windowed)
    this.#expressions(node, windowed)
  }

  /** Checks what is read; says whether it is a window. */
  #from(ref: TableRef, tables: ReadonlySet<string>, top: boolean): boolean {
    const at = locationOf(ref)
    if (ref.sample !== null && ref.sample !== undefined) this.#notDeterministic('a sample', at)
    switch (ref.type) {
      case 'BASE_TABLE':
        this.#table(ref as BaseTable, tables)
        return false
      case 'SUBQUERY':
        this.query((ref as SubqueryRef).subquery.node, tables, false)
        return false
      case 'TABLE_FUNCTION':
        return this.#tableFunction(ref as TableFunctionRef, top)
      case 'EMPTY':
        this.#unsupported('SELECT without FROM', ONE_RELATION, at ?? 0)
        return false
      case 'JOIN':
        this.#unsupported('a join', ONE_RELATION, at ?? firstLocation(ref))
        return false
      case 'EXPRESSION_LIST':
        this.#unsupported('VALUES', ONE_RELATION, at ?? firstLocation(ref))
        return false
      case 'SHOW_REF':
        this.#problems.add(SqlOutsideAccessError, { what: 'DESCRIBE or SHOW' }, at ?? 0)
        return false
      default:
        this.#unsupported(ref.type.toLowerCase().replaceAll('_', ' '), ONE_RELATION, at ?? firstLocation(ref))
        return false
    }
  }

  #table(ref: BaseTable, tables: ReadonlySet<string>): void {
    const at = locationOf(ref)
    const name = ref.table_name
    const qualifier = [ref.catalog_name, ref.schema_name].filter((part) => (part ?? '') !== '')
    if (qualifier.length > 0 || ref.at_clause) {
      this.#problems.add(SqlOutsideAccessError, { what: [...qualifier, name].join('.') }, at)
    } else if (!tables.has(name.toLowerCase()) && !this.#context.relations.some((known) => sameName(known, name))) {
      if (/[./\\:*]/.test(name) || /^(duckdb_|pragma_|sqlite_|pg_)/i.test(name)) {
        this.#problems.add(SqlOutsideAccessError, { what: `'${name}'` }, at)
      } else {
        this.#problems.add(SqlRelationUnknownError, { relation: name, known: this.#context.relations }, at)
      }
    }
  }

  #tableFunction(ref: TableFunctionRef, top: boolean): boolean {
    const at = locationOf(ref)
    const name = ref.function.function_name.toLowerCase()
    if (name === 'tumble') {
      for (const child of ref.function.children) this.#expression(child, { aggregates: false, star: false })
      if (top) return true
      const instead = 'Make it a step of its own, and read that step by its name.'
      this.#problems.add(SqlWindowInvalidError, { reason: 'a window cannot stand in a subquery', instead }, at)
      return true
    }
    if (['hop', 'cumulate', 'session'].includes(name)) {
      this.#problems.add(SqlWindowUnsupportedError, { window: name.toUpperCase() }, at)
      return true
    }
    if (['unnest', 'range', 'generate_series'].includes(name)) this.#unsupported(`${name}() in FROM`, ONE_RELATION, at)
    else this.#problems.add(SqlOutsideAccessError, { what: `${name}()` }, at)
    return false
  }

  #clauses(node: SelectNode, windowed: boolean): void {
    for (const modifier of node.modifiers) {
      const what = `${modifier.type}`
        .replace(/_MODIFIER$/, '')
        .replace('ORDER', 'ORDER BY')
        .replace(/^LIMIT.*/, 'LIMIT')
      if (windowed) {
        const instead = 'The rows of a window have no order and no limit of their own; sort where the rows are read.'
        this.#unsupported(`${what} in a windowed step`, instead, firstLocation(modifier))
      } else this.#unbounded(what, firstLocation(modifier))
    }
    if (node.sample !== null && node.sample !== undefined) this.#notDeterministic('a sample', 0)
    if (node.qualify) this.#unbounded('QUALIFY', firstLocation(node.qualify))
    if (windowed) {
      this.#collations(node)
      return
    }
    const grouped = node.group_sets.length > 0 || node.aggregate_handling !== 'STANDARD_HANDLING'
    if (grouped) this.#unbounded('GROUP BY', firstLocation(node.group_expressions) ?? 0)
    else if (node.having) this.#unbounded('HAVING', firstLocation(node.having))
  }

  /** Texts that a collation calls equal look different: which one a group shows would depend on which came first. */
  #collations({ select_list, group_expressions, having }: SelectNode): void {
    walk([select_list, group_expressions, having], (object) => {
      if (object.class !== 'COLLATE') return true
      this.#unsupported(
        'COLLATE in a window',
        'Group by lower(x) or another function of the text.',
        firstLocation(object),
      )
      return false
    })
  }

  #expressions(node: SelectNode, windowed: boolean): void {
    for (const item of node.select_list) this.#expression(item, { aggregates: windowed, star: !windowed })
    if (node.having) this.#expression(node.having, { aggregates: windowed, star: false })
    for (const expression of [node.where_clause, ...node.group_expressions]) {
      if (expression) this.#expression(expression, { aggregates: false, star: false })
    }
  }

  #expression(root: Expression, allowed: { aggregates: boolean; star: boolean }): void {
    walk(root, (object) => {
      if (!isExpression(object)) return true
      const at = locationOf(object) ?? firstLocation(object) ?? firstLocation(root)
      if (object.class === 'SUBQUERY') {
        this.#unsupported(
          'a subquery inside an expression',
          'Its result would depend on how many records arrive together.',
          at,
        )
        return false
      }
      if (object.class === 'WINDOW') {
        this.#unbounded(`${object.function_name}() OVER`, at)
        return false
      }
      if (object.class === 'STAR') {
        if (object !== root || !allowed.star || object.columns === true) {
          this.#unsupported('* or COLUMNS() in this place', 'Name the columns.', at)
          return false
        }
        return true
      }
      if (!EXPRESSION_CLASSES.has(object.class)) {
        const what = object.class === 'PARAMETER' ? 'a parameter' : object.class.toLowerCase().replaceAll('_', ' ')
        this.#unsupported(what, 'Write the value or the column itself.', at)
      }
      if (isFunctionCall(object)) this.#functionCall(object, allowed.aggregates, at)
      if (isColumnRef(object)) this.#columnRef(object, at)
      return true
    })
  }

  #functionCall(call: FunctionCall, aggregates: boolean, at: number | undefined): void {
    const name = call.function_name.toLowerCase()
    const { functions } = this.#context
    if (OUTSIDE_FUNCTIONS.has(name)) this.#problems.add(SqlOutsideAccessError, { what: `${name}()` }, at)
    else if (name === 'error') this.#unsupported('error()', 'Filter such rows, or let a CASE give NULL.', at)
    else if (functions.unstable.has(name) || (name === 'age' && call.children.length === 1)) {
      this.#notDeterministic(`${name}()`, at)
    } else if (UNNESTING_FUNCTIONS.has(name)) {
      this.#unsupported(`${name}()`, 'Every row must come from one record: keep the list in one column.', at)
    } else if (functions.aggregateMacros.has(name)) {
      this.#unsupported(`${name}()`, 'Write out what it stands for, as with exp(avg(ln(x))) for geomean(x).', at)
    } else if (functions.aggregates.has(name) && !aggregates) this.#unbounded(`${name}()`, at)
  }

  #columnRef(ref: ColumnRef, at: number | undefined): void {
    const [first = '', ...rest] = ref.column_names.map((name) => name.toLowerCase())
    if (rest.length === 0 && VALUE_FUNCTIONS.has(first) && !this.#context.columns.has(first)) {
      this.#notDeterministic(first, at)
    }
    const reserved = ref.column_names.find((name) => INTERNAL_COLUMNS.has(name.toLowerCase()))
    if (reserved !== undefined) {
      this.#problems.add(SqlColumnNameError, { column: reserved, reason: 'is kept for internal use' }, at)
    }
  }

  #unsupported(what: string, instead: string, at: number | undefined): void {
    this.#problems.add(SqlUnsupportedError, { what, instead }, at ?? 0)
  }

  #unbounded(what: string, at: number | undefined): void {
    this.#problems.add(SqlUnboundedAggregateError, { what }, at ?? 0)
  }

  #notDeterministic(what: string, at: number | undefined): void {
    this.#problems.add(SqlNotDeterministicError, { what }, at ?? 0)
  }
}

/** Byte offset at which DuckDB says that a node stands, where it says so. */
export function locationOf(node: { query_location?: number }): number | undefined {
  return typeof node.query_location === 'number' ? node.query_location : undefined
}

/** The first place known in a piece of the tree. */
export function firstLocation(value: unknown): number | undefined {
  let first: number | undefined
  walk(value, (object) => {
    const at = object.query_location
    if (typeof at === 'number' && (first === undefined || at < first)) first = at
    return true
  })
  return first
}
