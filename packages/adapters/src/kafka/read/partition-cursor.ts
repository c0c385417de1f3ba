import type { PartitionPlace } from '../client/layout.ts'
import { Patience } from '../client/patience.ts'

/** How far one partition has been asked for. What was asked for may not have been decoded yet. */
export interface PartitionCursor {
  /** Where it is read, as the cluster was last seen. */
  place: PartitionPlace
  /** The offset that the next fetch asks for. */
  nextOffset: number
  /** The epoch of the last batch before it; −1: not known. */
  leaderEpoch: number
  /** When the partition was last reported to be at its end (ms since the Unix epoch); 0 = not since its last record. */
  atEndReportedAt: number
  /** It is read no more: what was fetched of it and not decoded yet is dropped. */
  isGivenUp: boolean
  /** With its leader. */
  readonly patience: Patience
}

export function cursorAt(
  place: PartitionPlace,
  nextOffset: number,
  leaderEpoch: number,
  patience = new Patience(),
): PartitionCursor {
  return { place, nextOffset, leaderEpoch, atEndReportedAt: 0, isGivenUp: false, patience }
}
