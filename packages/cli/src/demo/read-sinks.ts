import type { Lake } from '@headrace/core'
import type { Client } from 'pg'
import type { TradesPerMinute } from './recount.ts'

/** The result of the demo's pipeline: a dataset of the lake, and a table of the same name. */
const RESULT = 'trades_per_minute'

/** A query's result as it is shown. */
export interface Shown {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** The busiest customers: plain SQL that DuckDB and PostgreSQL both take. */
export const BUSIEST_CUSTOMERS = `SELECT uno, count(*) AS minutes, sum(orders) AS orders, sum(items) AS items
FROM ${RESULT} GROUP BY uno ORDER BY sum(orders) DESC, uno LIMIT 5`

/** One of the two places where the pipeline's rows have landed. */
export interface ResultStore {
  readonly name: string
  show(sql: string): Promise<Shown>
  allRows(): Promise<TradesPerMinute[]>
}

export function lakeStore(lake: Lake): ResultStore {
  return {
    name: 'Parquet',
    show: (sql) => queryLake(lake, sql),
    async allRows() {
      const { rows } = await queryLake(
        lake,
        `SELECT epoch_ms(window_start)::DOUBLE, epoch_ms(window_end)::DOUBLE, uno, orders::DOUBLE, items::DOUBLE FROM ${RESULT}`,
      )
      return rows.map(rowOf)
    },
  }
}

export function postgresStore(client: Client): ResultStore {
  return {
    name: 'PostgreSQL',
    show: (sql) => queryPostgres(client, sql),
    async allRows() {
      const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`
      const { rows } = await queryPostgres(
        client,
        `SELECT ${ms('window_start')}, ${ms('window_end')}, uno, orders::float8, items::float8 FROM ${RESULT}`,
      )
      return rows.map(rowOf)
    },
  }
}

async function queryLake(lake: Lake, sql: string): Promise<Shown> {
  const result = await lake.query(sql)
  try {
    const rows: (readonly unknown[])[] = []
    for await (const chunk of result.chunks()) rows.push(...chunk)
    return { columns: result.columns.map((column) => column.name), rows }
  } finally {
    result.close()
  }
}

async function queryPostgres(client: Client, text: string): Promise<Shown> {
  const { fields, rows } = await client.query<unknown[]>({ text, rowMode: 'array' })
  return { columns: fields.map((field) => field.name), rows }
}

function rowOf([windowStart, windowEnd, uno, orders, items]: readonly unknown[]): TradesPerMinute {
  return {
    windowStart: windowStart as number,
    windowEnd: windowEnd as number,
    uno: uno as string,
    orders: orders as number,
    items: items as number,
  }
}
