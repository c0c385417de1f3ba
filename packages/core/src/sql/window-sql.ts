import { quoteIdentifier } from '../duckdb/index.ts'
import { type Field, LATE_TABLE, ROW_COLUMN, type TumblingWindow } from '../model/index.ts'

/** What a window's rows are made from. */
export interface WindowedRows {
  readonly upstream: string
  readonly time: Field
  readonly window: TumblingWindow
  /** The name by which SQL knows these rows. */
  readonly alias: string
}

/** The SQL of a `WindowPlan`. */
export interface WindowStatements {
  readonly accumulate: string
  readonly accumulateOnTime: string
  readonly fire: string
}

/** A FROM item: `columns` (SQL) of the upstream's rows and the window's columns; without late rows when `onTime`. */
export function windowedFrom(rows: WindowedRows, columns: readonly string[], { onTime }: { onTime: boolean }): string {
  const upstream = quoteIdentifier(rows.upstream)
  const late = onTime ? ` ANTI JOIN ${LATE_TABLE} ON ${upstream}.${ROW_COLUMN} = ${LATE_TABLE}.row` : ''
  const selected = [...columns, ...windowColumns(rows)].join(', ')
  return `(SELECT ${selected} FROM ${upstream}${late}) AS ${quoteIdentifier(rows.alias)}`
}

function windowColumns({ time, window }: WindowedRows): string[] {
  const column = quoteIdentifier(time.name)
  // The session runs in UTC: so does the cast.
  const at = time.type === 'TIMESTAMP' ? column : `CAST(${column} AS TIMESTAMP)`
  return [
    `time_bucket(${interval(window.sizeMs)}, ${at}, ${origin(window.offsetMs)}) AS window_start`,
    `window_start + ${interval(window.sizeMs)} AS window_end`,
    `${windowTime('window_end')} AS window_time`,
  ]
}

/** A row of a window is as old as the window's last millisecond. */
export function windowTime(windowEnd: string): string {
  return `${windowEnd} - INTERVAL '1 millisecond'`
}

export function interval(ms: number): string {
  return ms % 1000 === 0 ? `INTERVAL '${ms / 1000} seconds'` : `INTERVAL '${ms} milliseconds'`
}

function origin(offsetMs: number): string {
  return `TIMESTAMP '${new Date(offsetMs).toISOString().replace('T', ' ').replace('Z', '')}'`
}

/** Gives out names that no one has yet. */
export class UniqueNames {
  readonly #taken: Set<string>

  constructor(taken: readonly string[]) {
    this.#taken = new Set(taken.map((name) => name.toLowerCase()))
  }

  /** `wanted`, or with a number behind it. */
  take(wanted: string): string {
    let name = wanted
    for (let i = 2; this.#taken.has(name.toLowerCase()); i += 1) name = `${wanted}_${i}`
    this.#taken.add(name.toLowerCase())
    return name
  }
}
