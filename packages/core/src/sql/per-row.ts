import { type Field, ROW_COLUMN } from '../model/index.ts'
import {
  aliased,
  type BaseTable,
  baseTable,
  type CommonTable,
  columnRef,
  type Expression,
  isColumnRef,
  type QueryNode,
  type SelectNode,
  type SubqueryRef,
  sameName,
  selectNode,
  subqueryRef,
  type TableRef,
} from './ast.ts'
import type { BindingSession } from './binding-session.ts'
import type { SqlParser } from './parser.ts'
import { ORDER_OFFSET, ORDER_PARTITION, type Relation, resolveColumn, type Source } from './relation.ts'
import { expandStars, structForWholeRow } from './star.ts'

/** What a query can name in FROM. `input` is the relation that the step reads. */
export interface Scope {
  readonly input: Relation
  readonly relations: readonly Relation[]
  readonly tables: ReadonlyMap<string, PlannedQuery>
}

/** A checked query as it will run, hidden columns included, and what it gives. */
export interface PlannedQuery {
  readonly node: SelectNode
  readonly relation: Relation
}

export interface Binding {
  readonly parser: SqlParser
  readonly session: BindingSession
}

interface PlannedSource extends Source {
  readonly ref: TableRef
  readonly relation: Relation
}

/** A relation by the name that SQL uses for it. */
export function relationNamed(scope: Scope, name: string): Relation | undefined {
  if (sameName(name, 'input')) return scope.input
  return scope.relations.find((relation) => sameName(relation.name, name))
}

/** The scope with the query's WITH tables, each planned. */
export async function withTables(node: QueryNode, scope: Scope, binding: Binding): Promise<Scope> {
  let inner = scope
  for (const { key, value } of node.cte_map.map) {
    const planned = await planPerRow(value.query.node as SelectNode, key, inner, binding)
    inner = { ...inner, tables: new Map(inner.tables).set(key.toLowerCase(), renamed(planned, value)) }
  }
  return inner
}

/**
 * A query whose every row comes from one row of what it reads (`checkQuery` has made sure): stars are written out, WITH
 * tables set in, and the hidden columns carried through each level.
 */
export async function planPerRow(
  node: SelectNode,
  name: string,
  outer: Scope,
  binding: Binding,
  options: { keepsMetadata?: boolean } = {},
): Promise<PlannedQuery> {
  const scope = await withTables(node, outer, binding)
  const source = await planSource(node.from_table, scope, binding)
  const { relation } = source
  const kept = options.keepsMetadata ? source.metadata : []
  const items = expandStars(node.select_list, source)
  const hidden = [...kept.map((field) => columnRef(source.alias, field.name)), ...carriedItems(source)]
  const where = node.where_clause ? structForWholeRow(node.where_clause, source) : null
  const planned = selectNode([...items, ...hidden], source.ref, where)
  const fields = await binding.session.describe(await binding.parser.render(planned))
  const columns = fields.slice(0, items.length)
  const time = timeAmong(items, columns, source)
  return {
    node: planned,
    relation: {
      name,
      columns,
      metadata: kept,
      carried: fields.slice(items.length + kept.length),
      perRow: relation.perRow,
      ...(time === undefined ? {} : { time }),
      ...(relation.order === undefined ? {} : { order: CARRIED_ORDER }),
    },
  }
}

const CARRIED_ORDER = { partition: ORDER_PARTITION, offset: ORDER_OFFSET }

function carriedItems(source: PlannedSource): Expression[] {
  const { relation, alias } = source
  const items: Expression[] = []
  if (relation.perRow) items.push(columnRef(alias, ROW_COLUMN))
  if (relation.order !== undefined) {
    items.push(aliased(columnRef(alias, relation.order.partition), ORDER_PARTITION))
    items.push(aliased(columnRef(alias, relation.order.offset), ORDER_OFFSET))
  }
  return items
}

async function planSource(ref: TableRef, scope: Scope, binding: Binding): Promise<PlannedSource> {
  if (ref.type === 'SUBQUERY') {
    const planned = await planPerRow((ref as SubqueryRef).subquery.node as SelectNode, '', scope, binding)
    return overQuery(planned, ref.alias || 'unnamed_subquery', ref.column_name_alias ?? [])
  }
  const name = (ref as BaseTable).table_name
  const alias = ref.alias || name
  const table = scope.tables.get(name.toLowerCase())
  if (table !== undefined) return overQuery(table, alias, ref.column_name_alias ?? [])
  const relation = relationNamed(scope, name)
  if (relation === undefined) throw new Error(`relation ${name} was not checked`)
  const columnNames = ref.column_name_alias ?? []
  return { ref: baseTable(relation.name, alias, columnNames), alias, ...renameFields(relation, columnNames) }
}

function overQuery(planned: PlannedQuery, alias: string, columnNames: readonly string[]): PlannedSource {
  return { ref: subqueryRef(planned.node, alias, columnNames), alias, ...renameFields(planned.relation, columnNames) }
}

/** Names given in `AS t(a, b)` apply to the first columns, in order. */
function renameFields(relation: Relation, names: readonly string[]): Omit<PlannedSource, 'ref' | 'alias'> {
  const columns = relation.columns.map((field, i) => ({ name: names[i] ?? field.name, type: field.type }))
  const timeIndex = relation.columns.findIndex((field) => field.name === relation.time)
  const { time: _, ...rest } = relation
  const time = columns[timeIndex]?.name
  return { columns, metadata: relation.metadata, relation: time === undefined ? rest : { ...rest, time } }
}

/** A WITH table's own column names, written into its query. */
function renamed(planned: PlannedQuery, table: CommonTable): PlannedQuery {
  if (table.aliases.length === 0) return planned
  const source = overQuery(planned, 'unnamed_subquery', table.aliases)
  const items = source.columns.map((field) => columnRef(source.alias, field.name))
  const node = selectNode([...items, ...carriedItems(source)], source.ref)
  return { node, relation: { ...source.relation, columns: source.columns } }
}

/** The name under which the event time goes on: a column that is it and nothing more, or a cast to the type it has. */
function timeAmong(items: readonly Expression[], columns: readonly Field[], source: PlannedSource): string | undefined {
  const { time } = source.relation
  const type = source.columns.find(({ name }) => name === time)?.type
  if (time === undefined) return undefined
  const index = items.findIndex((item, i) => {
    const value = item.class === 'CAST' && columns[i]?.type === type ? (item.child as Expression) : item
    if (!isColumnRef(value)) return false
    const resolved = resolveColumn(value, source)
    return resolved !== undefined && resolved.rest.length === 0 && sameName(resolved.column.name, time)
  })
  return columns[index]?.name
}
