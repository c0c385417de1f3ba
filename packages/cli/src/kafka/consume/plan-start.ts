import type { OffsetRange } from '../admin/offsets.ts'
import type { StartTarget } from '../arguments.ts'

/** A partition that is being read. */
export interface Cursor {
  readonly partition: number
  next: number
  /** Reading ends before this offset; undefined where it never does. */
  readonly end: number | undefined
}

/**
 * Where each partition is read from: never outside of what it holds. A negative offset counts from the end: the last so many.
 * @param atTimestamp for a time: by partition, the first offset at or after it
 */
export function planCursors(
  ranges: ReadonlyMap<number, OffsetRange>,
  start: StartTarget,
  atTimestamp: ReadonlyMap<number, number>,
  untilEnd: boolean,
): Cursor[] {
  return [...ranges]
    .sort(([a], [b]) => a - b)
    .map(([partition, range]) => {
      const wanted = wantedOffset(range, start, atTimestamp.get(partition) ?? -1)
      const next = Math.min(Math.max(wanted, range.first), range.end)
      return { partition, next, end: untilEnd ? range.end : undefined }
    })
}

function wantedOffset(range: OffsetRange, start: StartTarget, atTimestamp: number): number {
  switch (start.kind) {
    case 'earliest':
      return range.first
    case 'latest':
      return range.end
    case 'offset':
      return start.offset < 0 ? range.end + start.offset : start.offset
    case 'timestamp':
      return atTimestamp < 0 ? range.end : atTimestamp
  }
}
