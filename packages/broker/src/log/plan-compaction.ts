import type { LogSettings } from './log-settings.ts'

/** What compaction goes by in a segment. */
interface CleanableSegment {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly maxTimestamp: number
  readonly createdAt: number
}

export interface CompactionPlan<S> {
  /** Segments that may be changed, from the log's first on. */
  readonly segments: readonly S[]
  /** The offset from which on they have not been compacted yet. */
  readonly dirtyFrom: number
  /** The offset after the last of them. */
  readonly end: number
}

/**
 * Which of a log's full segments to compact, if it is worth it: those that hold no open transaction and are old enough, once enough of them
 * has not been compacted. `endOffset` is where they end, `cleanedTo` up to where the log has been compacted.
 */
export function planCompaction<S extends CleanableSegment>(
  segments: readonly S[],
  endOffset: number,
  cleanedTo: number,
  lastStableOffset: number,
  settings: LogSettings,
  now: number,
): CompactionPlan<S> | undefined {
  if (!settings.compacts) return undefined
  const { minLagMs, maxLagMs, minDirtyRatio } = settings.compaction
  const nextOf = (index: number) => segments[index + 1]?.baseOffset ?? endOffset
  const mayNot = segments.findIndex(
    (segment, index) => nextOf(index) > lastStableOffset || (minLagMs > 0 && segment.maxTimestamp > now - minLagMs),
  )
  const cleanable = segments.slice(0, mayNot < 0 ? segments.length : mayNot)
  const firstDirty = cleanable.findIndex((_, index) => nextOf(index) > cleanedTo)
  if (firstDirty < 0) return undefined
  const dirty = cleanable.slice(firstDirty)
  const dirtyBytes = bytesOf(dirty)
  const isWorthIt = dirtyBytes > minDirtyRatio * bytesOf(cleanable)
  const isOverdue = dirty.some(({ createdAt }) => now - createdAt > maxLagMs)
  if (!isWorthIt && !isOverdue) return undefined
  return {
    segments: cleanable,
    dirtyFrom: Math.max(cleanedTo, dirty[0]?.baseOffset ?? 0),
    end: nextOf(cleanable.length - 1),
  }
}

/** Neighbours that together are no larger than a segment may be: what is left of them goes into one. */
export function groupsOf<S extends CleanableSegment>(segments: readonly S[], segmentBytes: number): S[][] {
  const groups: S[][] = []
  let room = 0
  for (const segment of segments) {
    const last = groups.at(-1)
    room -= segment.sizeBytes
    if (last && room >= 0) last.push(segment)
    else {
      groups.push([segment])
      room = segmentBytes - segment.sizeBytes
    }
  }
  return groups
}

function bytesOf(segments: readonly CleanableSegment[]): number {
  return segments.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
}
