/**
 * DuckDB's own syntax tree, as `json_serialize_sql` gives it: only the parts that are looked into are typed. Locations
 * are byte offsets into the parsed text.
 */
export interface AstObject {
  [key: string]: unknown
}

export interface Expression extends AstObject {
  class: string
  type: string
  alias?: string
  query_location?: number
}

export interface ColumnRef extends Expression {
  class: 'COLUMN_REF'
  column_names: string[]
}

export interface OrderItem extends AstObject {
  type: string
  null_order: string
  expression: Expression
}

export interface FunctionCall extends Expression {
  class: 'FUNCTION'
  function_name: string
  schema?: string
  children: Expression[]
  filter?: Expression | null
  order_bys?: { type: 'ORDER_MODIFIER'; orders: OrderItem[] }
  distinct?: boolean
}

export interface Constant extends Expression {
  class: 'CONSTANT'
  value: { type: { id: string }; is_null: boolean; value?: unknown }
}

export interface Star extends Expression {
  class: 'STAR'
  relation_name: string
  exclude_list: string[]
  qualified_exclude_list: unknown[]
  replace_list: { key: string; value: Expression }[]
  rename_list: { key: { column?: string }; value: string }[]
  columns: boolean
}

export interface TableRef extends AstObject {
  type: string
  alias?: string
  query_location?: number
  column_name_alias?: string[]
}

export interface BaseTable extends TableRef {
  type: 'BASE_TABLE'
  schema_name?: string
  catalog_name?: string
  table_name: string
}

export interface SubqueryRef extends TableRef {
  type: 'SUBQUERY'
  subquery: { node: QueryNode }
}

export interface TableFunctionRef extends TableRef {
  type: 'TABLE_FUNCTION'
  function: FunctionCall
}

export interface QueryNode extends AstObject {
  type: string
  modifiers: AstObject[]
  cte_map: { map: { key: string; value: CommonTable }[] }
}

export interface CommonTable extends AstObject {
  aliases: string[]
  query: { node: QueryNode }
}

export interface SelectNode extends QueryNode {
  type: 'SELECT_NODE'
  select_list: Expression[]
  from_table: TableRef
  where_clause?: Expression | null
  group_expressions: Expression[]
  group_sets: number[][]
  aggregate_handling: string
  having?: Expression | null
  sample?: AstObject | null
  qualify?: Expression | null
}

function isObject(value: unknown): value is AstObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isExpression(value: unknown): value is Expression {
  return isObject(value) && typeof value.class === 'string' && typeof value.type === 'string'
}

export function isColumnRef(expression: Expression): expression is ColumnRef {
  return expression.class === 'COLUMN_REF'
}

export function isFunctionCall(expression: Expression): expression is FunctionCall {
  return expression.class === 'FUNCTION'
}

export function isStar(expression: Expression): expression is Star {
  return expression.class === 'STAR'
}

export function isSelect(node: QueryNode): node is SelectNode {
  return node.type === 'SELECT_NODE'
}

/** SQL names are the same whatever their case. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

export function columnRef(...names: string[]): ColumnRef {
  return { class: 'COLUMN_REF', type: 'COLUMN_REF', alias: '', column_names: names }
}

export function aliased<E extends Expression>(expression: E, alias: string): E {
  return { ...expression, alias }
}

export function baseTable(name: string, alias: string, columnNames: readonly string[] = []): BaseTable {
  return {
    type: 'BASE_TABLE',
    alias,
    schema_name: '',
    catalog_name: '',
    table_name: name,
    column_name_alias: [...columnNames],
  }
}

export function subqueryRef(node: QueryNode, alias: string, columnNames: readonly string[] = []): SubqueryRef {
  return { type: 'SUBQUERY', alias, subquery: { node }, column_name_alias: [...columnNames] }
}

export function selectNode(items: Expression[], from: TableRef, where?: Expression | null): SelectNode {
  return {
    type: 'SELECT_NODE',
    modifiers: [],
    cte_map: { map: [] },
    select_list: items,
    from_table: from,
    where_clause: where ?? null,
    group_expressions: [],
    group_sets: [],
    aggregate_handling: 'STANDARD_HANDLING',
    having: null,
    sample: null,
    qualify: null,
  }
}

/** Every object and array below `value`, itself first, parents before children. `visit` returns false to stay out of one. */
export function walk(value: unknown, visit: (object: AstObject) => boolean | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit)
  } else if (isObject(value) && visit(value) !== false) {
    for (const child of Object.values(value)) walk(child, visit)
  }
}

/** A copy in which `replace` has had its say about each expression, parents first; what it returns is not looked into. */
export function rewrite<T>(value: T, replace: (expression: Expression) => Expression | undefined): T {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, replace)) as T
  if (!isObject(value)) return value
  if (isExpression(value)) {
    const replacement = replace(value)
    if (replacement !== undefined) return replacement as T
  }
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, rewrite(child, replace)])) as T
}

/** The same text for expressions that say the same, wherever they stand and whatever alias they have. */
export function canonical(expression: Expression): string {
  return JSON.stringify({ ...expression, alias: '' }, (key, value) => {
    if (key === 'query_location') return undefined
    if (key === 'column_names' && Array.isArray(value)) return value.map((name) => String(name).toLowerCase())
    if (key === 'function_name') return String(value).toLowerCase()
    return typeof value === 'bigint' ? `${value}` : value
  })
}
