import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import { LATE_TABLE, ROW_COLUMN, type WindowPlan } from '../model/index.ts'
import { type OpenWindows, ROW_FIGURES } from './open-windows.ts'

/** The parameter of `fire` for a watermark in ms: a window fires when the watermark ≥ its end − 1 ms. */
function fireLimit(watermark: number): string {
  if (watermark === Number.POSITIVE_INFINITY) return 'infinity'
  // DuckDB takes years of more than four digits, but no sign before them.
  return new Date(watermark + 1).toISOString().replace(/^\+0*/, '').replace('T', ' ').replace('Z', '')
}

export interface Accumulated {
  /** Input records that went into the state. */
  readonly accepted: number
  /** Rows of the window's input that came too late, as row numbers of the epoch's input. */
  readonly late: readonly number[]
}

/** Adds an epoch's rows to a window's state, without those in `lateRows` (row numbers that the input may no longer hold). */
export async function accumulate(
  connection: Connection,
  window: WindowPlan,
  open: OpenWindows,
  lateRows: readonly number[],
): Promise<Accumulated> {
  let late: number[] = []
  if (lateRows.length > 0) {
    await fillLateTable(connection, lateRows)
    const rows = await connection.rows<{ row: number }>(
      `SELECT ${ROW_COLUMN}::DOUBLE AS row FROM ${quoteIdentifier(window.upstream)} SEMI JOIN ${LATE_TABLE} ON ${ROW_COLUMN} = ${LATE_TABLE}.row ORDER BY 1`,
    )
    late = rows.map(({ row }) => row)
  }
  const select = late.length > 0 ? window.accumulateOnTime : window.accumulate
  const figures = await connection.numbers(
    `INSERT INTO ${quoteIdentifier(window.stateTable)} ${select} RETURNING ${ROW_FIGURES}`,
  )
  return { accepted: open.add(figures), late }
}

async function fillLateTable(connection: Connection, rows: readonly number[]): Promise<void> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${LATE_TABLE} (row BIGINT)`)
  await connection.run(`INSERT INTO ${LATE_TABLE} SELECT unnest($1::BIGINT[])`, [`[${rows.join(',')}]`])
}

/** An empty table for the window's output: what the relations after it are bound to until something fires. */
export async function emptyOutput(connection: Connection, window: WindowPlan): Promise<void> {
  const columns = window.columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`)
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(window.name)} (${columns.join(', ')})`)
}

/** Moves what `watermark` closes from the state to the window's output table; gives the number of rows there. */
export async function fire(connection: Connection, window: WindowPlan, watermark: number): Promise<number> {
  const limit = fireLimit(watermark)
  const names = window.columns.map((column) => quoteIdentifier(column.name))
  const columns = window.columns.map((column, i) => `CAST(${names[i]} AS ${column.type}) AS ${names[i]}`)
  const rows = await connection.copy(
    `CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(window.name)} AS
     SELECT ${columns.join(', ')} FROM (${window.fire}) AS fired(${names.join(', ')})`,
    [limit],
  )
  const state = quoteIdentifier(window.stateTable)
  await connection.run(`DELETE FROM ${state} WHERE window_end <= $1::TIMESTAMP`, [limit])
  return rows
}
