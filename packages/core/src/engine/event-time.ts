import type { Decoded } from '../decode/decoder.ts'
import { type Connection, quoteIdentifier } from '../duckdb/index.ts'
import {
  CHUNK_ROWS,
  type ChunkTimes,
  type EpochRecords,
  type EventTimePlan,
  type RowRange,
  sharedChunks,
} from '../model/index.ts'

const NONE = new Float64Array(0)

/** As many rows' times come in one piece from DuckDB; more pieces than rows of a summary would not be worth it. */
const FEW_ROWS = 4096

/** The event times of an epoch's input rows: by chunk, and each row's own where that is needed. */
export class EventTimes {
  /** In ms, by row; NaN where it is null or infinite. */
  readonly times: Float64Array
  readonly chunks: ChunkTimes
  readonly #connection: Connection
  readonly #table: string
  /** SQL: a row's time in ms, or NULL. */
  readonly #ms: string

  private constructor(connection: Connection, table: string, ms: string, rows: number, chunks: ChunkTimes) {
    this.#connection = connection
    this.#table = table
    this.#ms = ms
    this.times = new Float64Array(rows)
    this.chunks = chunks
  }

  /** Of all `rows` of the table, whose row ids count from 0; rows of more than one range are looked at one by one. */
  static async read(
    connection: Connection,
    table: string,
    time: EventTimePlan,
    rows: number,
    ranges: readonly RowRange[],
  ): Promise<EventTimes> {
    const column = quoteIdentifier(time.column)
    const ms = `CASE WHEN isfinite(${column}) THEN epoch_ms(${column})::DOUBLE END`
    const shared = sharedChunks(ranges)
    const count = Math.ceil(rows / CHUNK_ROWS)
    const [lowest = NONE, highest = NONE] =
      rows <= FEW_ROWS || shared.length > count / 2
        ? []
        : await connection.numbers(
            `SELECT CASE WHEN count(*) = count(ms) THEN min(ms) ELSE 'nan' END, coalesce(max(ms), 'nan')
             FROM (SELECT rowid >> ${Math.log2(CHUNK_ROWS)} AS chunk, ${ms} AS ms FROM ${table}) GROUP BY chunk ORDER BY chunk`,
          )
    const known = new Uint8Array(count)
    const all = new EventTimes(connection, table, ms, rows, { lowest, highest, known })
    await all.reveal(lowest.length === 0 ? Array.from(known.keys()) : shared)
    return all
  }

  /** Makes the times of these chunks' rows known. */
  async reveal(chunks: readonly number[]): Promise<void> {
    if (chunks.length === 0) return
    const { known } = this.chunks
    const some =
      chunks.length === known.length ? '' : ` WHERE rowid >> ${Math.log2(CHUNK_ROWS)} IN (${chunks.join(', ')})`
    const [found = NONE] = await this.#connection.numbers(
      `SELECT coalesce(${this.#ms}, 'nan') FROM ${this.#table}${some}`,
    )
    let at = 0
    for (const chunk of chunks.toSorted((a, b) => a - b)) {
      const from = chunk * CHUNK_ROWS
      const piece = found.subarray(at, at + Math.min(CHUNK_ROWS, this.times.length - from))
      this.times.set(piece, from)
      known[chunk] = 1
      at += piece.length
    }
    if (at !== found.length) throw new Error(`${found.length} event times were found for ${at} rows`)
  }
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
