import { quoteIdentifier } from '../duckdb/index.ts'
import { type Field, RECORDS_COLUMN } from '../model/index.ts'
import { columnRef, type Expression, type FunctionCall, isFunctionCall, type OrderItem, rewrite } from './ast.ts'
import type { SqlParser } from './parser.ts'
import { ORDER_OFFSET, ORDER_PARTITION, type OrderColumns } from './relation.ts'
import { usedColumns, type WindowQuery } from './window-query.ts'
import { type WindowedRows, type WindowStatements, windowColumns, windowedFrom, windowTime } from './window-sql.ts'

export interface RowsInput {
  readonly rows: WindowedRows
  readonly stateTable: string
  readonly columns: readonly Field[]
  /** Where the upstream has the order of records; needed if any aggregate is ordered. */
  readonly order: OrderColumns | undefined
  /** Which aggregates must see their rows in the order of the records. */
  readonly isOrdered: (call: FunctionCall) => boolean
}

/**
 * A window that keeps its rows, as far as the query uses them: the user's SQL runs over them when the window fires. Where
 * an aggregate depends on the order of its rows, it gets one: partition and offset.
 */
export async function planRetainedRows(
  query: WindowQuery,
  input: RowsInput,
  parser: SqlParser,
): Promise<WindowStatements> {
  const used = usedColumns(query).map(({ name }) => quoteIdentifier(name))
  const order =
    input.order === undefined
      ? []
      : [
          `${quoteIdentifier(input.order.partition)} AS ${ORDER_PARTITION}`,
          `${quoteIdentifier(input.order.offset)} AS ${ORDER_OFFSET}`,
        ]
  const where = query.where === undefined ? '' : ` WHERE ${await parser.renderExpression(query.where)}`
  const kept = ['window_start', 'window_end', ...used, ...(input.order ? [ORDER_PARTITION, ORDER_OFFSET] : [])]
  const statement = (onTime: boolean) =>
    `SELECT ${[...kept, `CAST(1 AS BIGINT) AS ${RECORDS_COLUMN}`].join(', ')}` +
    ` FROM ${windowedFrom(input.rows, [...used, ...order, ...windowColumns(input.rows)], { onTime })}${where}`
  return {
    accumulate: statement(false),
    accumulateOnTime: statement(true),
    fire: await fireSql(query, input, parser),
  }
}

const GROUP = '_group'

async function fireSql(query: WindowQuery, input: RowsInput, parser: SqlParser): Promise<string> {
  const { alias } = input.rows
  const ordered = (expression: Expression) => withOrder(expression, alias, input.isOrdered)
  const items = await parser.renderExpressions(query.items.map(ordered))
  const groups = [
    ...['window_start', 'window_end', 'window_time'].map((name) => `${quoteIdentifier(alias)}.${name}`),
    ...(await parser.renderExpressions(query.keys)),
  ]
  const names = input.columns.map(({ name }) => quoteIdentifier(name))
  const groupNames = groups.map((_, i) => `${GROUP}_${i}`)
  const selected = [
    ...groups.map((group, i) => `${group} AS ${groupNames[i]}`),
    ...items.map((item, i) => `${item} AS ${names[i]}`),
  ]
  const having = query.having === undefined ? '' : ` HAVING ${await parser.renderExpression(ordered(query.having))}`
  const state =
    `(SELECT *, ${windowTime('window_end')} AS window_time FROM ${quoteIdentifier(input.stateTable)}` +
    ` WHERE window_end <= $1::TIMESTAMP) AS ${quoteIdentifier(alias)}`
  const positions = groups.map((_, i) => i + 1).join(', ')
  return (
    `SELECT ${names.join(', ')} FROM (SELECT ${selected.join(', ')} FROM ${state}` +
    ` GROUP BY ${positions}${having}) ORDER BY ${groupNames.join(', ')}`
  )
}

/** Aggregates that depend on the order of their rows are given one; an order of the user's own comes first. */
function withOrder(expression: Expression, alias: string, isOrdered: (call: FunctionCall) => boolean): Expression {
  return rewrite(expression, (part) => {
    if (!isFunctionCall(part) || !isOrdered(part)) return undefined
    const own = part.order_bys?.orders ?? []
    const more =
      part.distinct === true
        ? part.children.slice(0, 1)
        : [ORDER_PARTITION, ORDER_OFFSET].map((name) => columnRef(alias, name))
    const orders = own.length > 0 && part.distinct === true ? own : [...own, ...more.map(ascending)]
    return { ...part, order_bys: { type: 'ORDER_MODIFIER', orders } }
  })
}

function ascending(expression: Expression): OrderItem {
  return { type: 'ASCENDING', null_order: 'NULLS_LAST', expression }
}
