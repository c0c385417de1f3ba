import type { OffsetRange } from './offsets.ts'

/** Where a group's offsets are to be moved. */
export type ResetTarget =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  /** So many records on from what is committed; back where it is negative. */
  | { readonly kind: 'shift'; readonly by: number }

/** What is known of one partition before its offset is moved. */
export interface PartitionState {
  readonly topic: string
  readonly partition: number
  /** Null where nothing was committed. */
  readonly committed: number | null
  readonly range: OffsetRange
  /** For a timestamp: the first offset at or after it; undefined where every record is older. */
  readonly atTimestamp?: number | undefined
}

export interface PlannedReset {
  readonly topic: string
  readonly partition: number
  readonly from: number | null
  readonly to: number
  /** The offset asked for lies outside of what the partition holds; `to` is the nearest one inside. */
  readonly isClamped: boolean
}

/** The new offset of each partition, as Kafka's own tool chooses it: never outside of what the partition holds. */
export function planReset(states: readonly PartitionState[], target: ResetTarget): PlannedReset[] {
  return states.map((state) => {
    const wanted = wantedOffset(state, target)
    const to = Math.min(Math.max(wanted, state.range.first), state.range.end)
    return { topic: state.topic, partition: state.partition, from: state.committed, to, isClamped: to !== wanted }
  })
}

function wantedOffset({ committed, range, atTimestamp }: PartitionState, target: ResetTarget): number {
  switch (target.kind) {
    case 'earliest':
      return range.first
    case 'latest':
      return range.end
    case 'offset':
      return target.offset
    case 'timestamp':
      return atTimestamp ?? range.end
    case 'shift':
      // Where nothing is committed a consumer would begin at the first record.
      return (committed ?? range.first) + target.by
  }
}
