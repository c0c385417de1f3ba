/** How far one partition has been asked for. What was asked for may not have been decoded yet. */
export interface PartitionCursor {
  readonly index: number
  /** `trades/3`. */
  readonly name: string
  /** The offset that the next fetch asks for. */
  nextOffset: number
  /** When the partition was last reported to be at its end (ms since the Unix epoch); 0 = not since its last record. */
  atEndReportedAt: number
}
