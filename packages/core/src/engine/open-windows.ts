import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import { RECORDS_COLUMN, type WindowPlan } from '../model/index.ts'

/** A state row's figures, as `OpenWindows.add` takes them. */
export const ROW_FIGURES = `epoch_ms(window_end)::DOUBLE, ${RECORDS_COLUMN}::DOUBLE`

/** How many records the open windows of a state hold, kept beside it so that no epoch need ask. */
export class OpenWindows {
  /** By the window's end in ms. */
  readonly #records = new Map<number, number>()

  static async read(connection: Connection, window: WindowPlan): Promise<OpenWindows> {
    const open = new OpenWindows()
    open.add(await connection.numbers(`SELECT ${ROW_FIGURES} FROM ${quoteIdentifier(window.stateTable)}`))
    return open
  }

  /** Columns of `ROW_FIGURES`, of rows that have come into the state; gives the sum of their records. */
  add([ends = new Float64Array(0), records = new Float64Array(0)]: readonly Float64Array[]): number {
    let sum = 0
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i] as number
      const count = records[i] as number
      this.#records.set(end, (this.#records.get(end) ?? 0) + count)
      sum += count
    }
    return sum
  }

  /** Windows that `watermark` (ms) closes are open no more; undefined when there are none. */
  close(watermark: number): { readonly windows: number; readonly records: number } | undefined {
    let windows = 0
    let records = 0
    for (const [end, count] of this.#records) {
      if (end - 1 > watermark) continue
      this.#records.delete(end)
      windows++
      records += count
    }
    return windows === 0 ? undefined : { windows, records }
  }
}
