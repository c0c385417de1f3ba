import type { Decoded } from '../decode/decoder.ts'
import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import type { EpochRecords, EventTimePlan, RowRange } from '../model/index.ts'

/** Event time of each row of `table` in ms, in row order; NaN where it is null or infinite. */
export async function readTimes(
  connection: Connection,
  table: string,
  time: EventTimePlan,
  rows: number,
): Promise<Float64Array> {
  const column = quoteIdentifier(time.column)
  return connection.doubles(
    `SELECT CASE WHEN isfinite(${column}) THEN epoch_ms(${column})::DOUBLE ELSE 'nan' END FROM ${table}`,
    rows,
  )
}

/** Which rows of the decoded table belong to which partition. */
export function rowRanges(records: EpochRecords, decoded: Decoded): RowRange[] {
  const { recordOfRow } = decoded
  if (recordOfRow === undefined) return [...records.ranges]
  let row = 0
  return records.ranges.map(({ partition, to }) => {
    const from = row
    while (row < decoded.rows && (recordOfRow[row] as number) < to) row++
    return { partition, from, to: row }
  })
}

/** The records' own timestamps (ms), by row. */
export function rowTimestamps(records: EpochRecords, decoded: Decoded): Float64Array {
  const all = new Float64Array(records.count)
  records.blocks.forEach((block, i) => {
    all.set(block.timestamps.subarray(0, block.count), records.starts[i] as number)
  })
  const { recordOfRow } = decoded
  return recordOfRow === undefined
    ? all
    : Float64Array.from(recordOfRow.subarray(0, decoded.rows), (record) => all[record] as number)
}
