import type { PartitionOffset } from './offset-store.ts'

/** Of a group's offsets those whose time is up: `emptySinceMs` is when its last member left, null where it has members. */
export function planExpiry(
  offsets: readonly PartitionOffset[],
  emptySinceMs: number | null,
  { nowMs, retentionMs }: { readonly nowMs: number; readonly retentionMs: number },
): PartitionOffset[] {
  if (emptySinceMs === null) return []
  return offsets.filter(({ committedAt, expiresAt }) =>
    // Clients before OffsetCommit 5 could say for themselves how long theirs are to be kept.
    expiresAt === undefined ? nowMs - Math.max(emptySinceMs, committedAt) >= retentionMs : nowMs >= expiresAt,
  )
}
