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

/** A FROM item: `columns` (SQL) of the upstream's rows; without late rows when `onTime`. */
export function windowedFrom(rows: WindowedRows, columns: readonly string[], { onTime }: { onTime: boolean }): string {
  const upstream = quoteIdentifier(rows.upstream)
  const late = onTime ? ` ANTI JOIN ${LATE_TABLE} ON ${upstream}.${ROW_COLUMN} = ${LATE_TABLE}.row` : ''
  return `(SELECT ${columns.join(', ')} FROM ${upstream}${late}) AS ${quoteIdentifier(rows.alias)}`
}

/** The columns that a window adds to each row. */
export function windowColumns({ time, window }: WindowedRows): string[] {
  const column = quoteIdentifier(time.name)
  // The session runs in UTC: so does the cast.
  const at = time.type === 'TIMESTAMP' ? column : `CAST(${column} AS TIMESTAMP)`
  return [
    `time_bucket(${interval(window.sizeMs)}, ${at}, ${origin(window.offsetMs)}) AS window_start`,
    `window_start + ${interval(window.sizeMs)} AS window_end`,
    `${windowTime('window_end')} AS window_time`,
  ]
}

/** Name of a row's window by number, counted from the one that begins at the epoch (plus the offset). */
export const WINDOW_INDEX = '_window'

/** The same window as a whole number: grouping by it takes two thirds of the time that a TIMESTAMP from time_bucket takes. */
export function windowIndex({ time, window }: WindowedRows): string {
  const us = `epoch_us(${quoteIdentifier(time.name)})${window.offsetMs === 0 ? '' : ` - ${window.offsetMs * 1000}`}`
  const size = window.sizeMs * 1000
  // `//` rounds towards zero, and there were windows before 1970.
  return `CASE WHEN ${us} >= 0 THEN (${us}) // ${size} ELSE (${us} + 1) // ${size} - 1 END AS ${WINDOW_INDEX}`
}

/** The columns `window_start` and `window_end` from a window's number. */
export function windowBounds({ window }: WindowedRows): string[] {
  const size = window.sizeMs * 1000
  const offset = window.offsetMs === 0 ? '' : ` + ${window.offsetMs * 1000}`
  return [
    `make_timestamp(${WINDOW_INDEX} * ${size}${offset}) AS window_start`,
    `make_timestamp((${WINDOW_INDEX} + 1) * ${size}${offset}) AS window_end`,
  ]
}

/** A row of a window is as old as the window's last millisecond. */
export function windowTime(windowEnd: string): string {
  return `${windowEnd} - INTERVAL '1 millisecond'`
}

function interval(ms: number): string {
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
