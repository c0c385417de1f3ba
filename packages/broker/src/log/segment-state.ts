import { EMPTY_INDEX, type IndexState } from './offset-index.ts'
import type { ProducerEntry } from './producer-state.ts'
import type { AbortedTransaction } from './transaction-index.ts'

/**
 * What is known of a segment, up to `sizeBytes`, without reading it. Kept beside it in a file as it grows, when it is full, and when the
 * broker stops.
 */
export interface SegmentState extends IndexState {
  readonly baseOffset: number
  readonly sizeBytes: number
  /** The offset after the last record. */
  readonly nextOffset: number
  /** What is known of idempotent producers after the segment's last record. */
  readonly producers: readonly ProducerEntry[]
  /** Aborted transactions whose markers are in the segment. */
  readonly aborted: readonly AbortedTransaction[]
}

/** What a segment's end is told by those who know. */
export type SegmentEnd = Pick<SegmentState, 'nextOffset' | 'producers' | 'aborted'>

export function emptyState(baseOffset: number, producers: readonly ProducerEntry[] = []): SegmentState {
  return {
    baseOffset,
    sizeBytes: 0,
    nextOffset: baseOffset,
    ...EMPTY_INDEX,
    producers,
    aborted: [],
  }
}
