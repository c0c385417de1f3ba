import path from 'node:path'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'
import { type CleanedLog, cleanLog } from './log-cleaner.ts'
import { planCompaction } from './plan-compaction.ts'
import { planRetention } from './retention.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'

/** The log that is looked after. */
export interface MaintainedLog extends CleanedLog {
  readonly segments: SegmentList
  readonly lastStableOffset: number
  /** Closes the segment that is written to, and begins another. */
  roll(): Promise<void>
  /** Deletes the segments that lie before `offset` as a whole. */
  dropBefore(offset: number): Promise<void>
  /** Resolves when the full segments have their state on the disk. */
  settled(): Promise<void>
}

/** Does what the log's settings ask for by time: closes, deletes and compacts segments. `now` is in milliseconds since the epoch. */
export async function maintain(log: MaintainedLog, now: number, signal: AbortSignal): Promise<void> {
  if (isOverdue(log, now)) await log.roll()
  await retain(log, now)
  if (log.settings.compacts) await compact(log, now, signal)
}

/** Whether the segment that is written to has waited long enough to be closed. */
function isOverdue({ segments, settings }: MaintainedLog, now: number): boolean {
  const { active } = segments
  const maxAgeMs = Math.min(
    settings.segmentMs,
    settings.compacts ? settings.compaction.maxLagMs : Number.POSITIVE_INFINITY,
  )
  return active.sizeBytes > 0 && now - active.createdAt > maxAgeMs
}

async function retain(log: MaintainedLog, now: number): Promise<void> {
  const { all, active } = log.segments
  const segments = [...all]
  const count = planRetention(segments, log.settings, now)
  if (count === 0) return
  if (count === segments.length && active.sizeBytes > 0) await log.roll()
  const kept = segments[count] ?? log.segments.active
  await log.dropBefore(kept.baseOffset)
}

// One pass after the other, where one has not got memory enough for all keys.
async function compact(log: MaintainedLog, now: number, signal: AbortSignal): Promise<void> {
  let cleanedTo = await readCleanedTo(log.folder)
  for (;;) {
    await log.settled()
    const full: Segment[] = log.segments.all.slice(0, -1)
    const end = log.segments.active.baseOffset
    const plan = planCompaction(full, end, cleanedTo, log.lastStableOffset, log.settings, now)
    if (plan === undefined || signal.aborted) return
    const reached = await cleanLog(log, plan, now, signal)
    if (reached <= cleanedTo) return
    cleanedTo = reached
    await replaceFile(cleanedToFile(log.folder), String(cleanedTo))
    if (cleanedTo >= plan.end) return
  }
}

async function readCleanedTo(folder: string): Promise<number> {
  return Number((await readFileIfAny(cleanedToFile(folder)))?.toString() ?? 0)
}

/** Holds the offset up to where the log has been compacted. Where it is lost, compacting begins at the front again and changes nothing. */
function cleanedToFile(folder: string): string {
  return path.join(folder, 'cleaned-to')
}
