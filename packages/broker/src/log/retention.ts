import type { LogSettings } from './log-settings.ts'

/** What retention goes by in a segment. */
interface AgingSegment {
  readonly sizeBytes: number
  /** The latest timestamp of its records, -1 where it has none. */
  readonly maxTimestamp: number
  readonly createdAt: number
}

/** How many of the oldest segments are to be deleted: those that are too old as a whole, or more than what the partition may have. */
export function planRetention(segments: readonly AgingSegment[], settings: LogSettings, now: number): number {
  if (!settings.deletes) return 0
  return Math.max(countTooOld(segments, settings.retentionMs, now), countTooMany(segments, settings.retentionBytes))
}

function countTooOld(segments: readonly AgingSegment[], retentionMs: number, now: number): number {
  const isTooOld = ({ maxTimestamp, createdAt }: AgingSegment) =>
    now - (maxTimestamp < 0 ? createdAt : maxTimestamp) > retentionMs
  const kept = segments.findIndex((segment) => !isTooOld(segment))
  return kept < 0 ? segments.length : kept
}

// As in Kafka, no segment goes whose going would leave less than what may be there.
function countTooMany(segments: readonly AgingSegment[], retentionBytes: number): number {
  let excess = segments.reduce((total, segment) => total + segment.sizeBytes, 0) - retentionBytes
  const kept = segments.findIndex(({ sizeBytes }) => {
    excess -= sizeBytes
    return excess < 0
  })
  return kept < 0 ? segments.length : kept
}
