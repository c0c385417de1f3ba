import { type BatchHeader, forEachBatch } from '../protocol/index.ts'
import { compactBatch } from './compact-batch.ts'
import type { LogSettings } from './log-settings.ts'
import { OffsetMap } from './offset-map.ts'
import { type CompactionPlan, groupsOf } from './plan-compaction.ts'
import { unpackRecords, walkRecords } from './record-walk.ts'
import { readState, Segment } from './segment.ts'
import type { AbortedTransaction } from './transaction-index.ts'

const CHUNK_BYTES = 1024 * 1024

/** Keys that one pass takes note of, in about 48 MB. Of a log that has more, another pass does the rest. */
const MAX_KEYS = 1_000_000

/** The log that a cleaner works on. */
export interface CleanedLog {
  readonly folder: string
  readonly settings: LogSettings
  abortedWithin(from: number, to: number): AbortedTransaction[]
  /** Puts a cleaned segment in the place of others. False where those are not there any more. */
  replace(others: readonly Segment[], cleaned: Segment): Promise<boolean>
}

/** Thrown within a pass where what it works on has gone: the next pass begins anew. */
class OvertakenError extends Error {}

/**
 * Writes the segments of a plan anew with the last record of each key only. Offsets stay, markers of transactions stay, records of aborted
 * transactions go. Returns the offset up to where the log has been compacted.
 */
export async function cleanLog(
  log: CleanedLog,
  { segments, dirtyFrom, end }: CompactionPlan<Segment>,
  now: number,
  signal: AbortSignal,
  maxKeys = MAX_KEYS,
): Promise<number> {
  const first = segments[0]?.baseOffset ?? end
  const aborted = new AbortedRanges(log.abortedWithin(first, end))
  const map = new OffsetMap(maxKeys)
  const dirty = segments.filter((_, index) => (segments[index + 1]?.baseOffset ?? end) > dirtyFrom)
  try {
    const mappedTo = await mapKeys(dirty, dirtyFrom, map, aborted, end, signal)
    const pass: Pass = { log, map, mappedTo, end, aborted, now, signal }
    const touched = segments.filter((segment) => segment.baseOffset < mappedTo)
    for (const group of groupsOf(touched, log.settings.segmentBytes)) {
      const next = segments[segments.indexOf(group.at(-1) as Segment) + 1]
      await cleanGroup(pass, group, next?.baseOffset ?? end)
    }
    return mappedTo
  } catch (error) {
    if (error instanceof OvertakenError) return first
    throw error
  }
}

interface Pass {
  readonly log: CleanedLog
  readonly map: OffsetMap
  /** The map knows the records before this offset. */
  readonly mappedTo: number
  readonly end: number
  readonly aborted: AbortedRanges
  readonly now: number
  readonly signal: AbortSignal
}

/** Notes the last offset of each key, as far as there is room. Returns the offset up to where it got. */
async function mapKeys(
  dirty: readonly Segment[],
  from: number,
  map: OffsetMap,
  aborted: AbortedRanges,
  end: number,
  signal: AbortSignal,
): Promise<number> {
  let fullAt: number | undefined
  for (const segment of dirty) {
    await eachBatch(segment, signal, (batch) => {
      if (batch.lastOffset < from || batch.isControl || aborted.includes(batch)) return true
      // Always at least one batch, or there would be no end to it.
      if (map.size > 0 && map.isTooSmallFor(batch.recordsCount)) {
        fullAt = batch.baseOffset
        return false
      }
      noteKeys(batch, map)
      return true
    })
    if (fullAt !== undefined) return fullAt
  }
  return end
}

function noteKeys(batch: BatchHeader, map: OffsetMap): void {
  const records = unpackRecords(batch)
  const { baseOffset } = batch
  walkRecords(records, batch.recordsCount, ({ keyStart, keyBytes, offsetDelta }) => {
    if (keyBytes >= 0) map.set(records.subarray(keyStart, keyStart + keyBytes), baseOffset + offsetDelta)
  })
}

async function cleanGroup(pass: Pass, group: readonly Segment[], nextOffset: number): Promise<void> {
  const { log } = pass
  const states = await Promise.all(group.map(({ baseOffset }) => readState(log.folder, baseOffset)))
  const last = states.at(-1)
  // A checkpoint that does not reach the end yet says nothing of what producers did behind it.
  const isWhole = states.every((state, index) => state?.sizeBytes === group[index]?.sizeBytes)
  if (last === undefined || !isWhole) throw new OvertakenError()
  const cleaned = await Segment.make(log.folder, group[0]?.baseOffset ?? 0)
  try {
    for (const segment of group) await copyLatest(pass, segment, cleaned)
    const aborted = states.flatMap((state) => state?.aborted ?? [])
    await cleaned.keep({ nextOffset, producers: last.producers, aborted })
  } catch (error) {
    await cleaned.remove()
    throw error
  }
  if (!(await log.replace(group, cleaned))) throw new OvertakenError()
}

async function copyLatest(pass: Pass, segment: Segment, cleaned: Segment): Promise<void> {
  let kept: Buffer[] = []
  await eachBatch(
    segment,
    pass.signal,
    (batch) => {
      const left = whatIsLeft(batch, pass)
      if (left) kept.push(left)
    },
    async () => {
      if (kept.length > 0) await cleaned.append(kept)
      kept = []
    },
  )
}

function whatIsLeft(batch: BatchHeader, { map, mappedTo, end, aborted, now, log }: Pass): Buffer | undefined {
  const whole = batch.buffer.subarray(batch.position, batch.recordsEnd)
  if (batch.isControl || batch.baseOffset >= mappedTo) return whole
  const { deleteRetentionMs } = log.settings.compaction
  const isLatest = (key: Buffer, offset: number) => map.get(key) <= offset
  const left = aborted.includes(batch) ? undefined : compactBatch(batch, { isLatest, now, deleteRetentionMs })
  // Readers that wait for the end of what was compacted have to find something there, or they would never get past it.
  return left ?? (batch.lastOffset + 1 >= end ? whole : undefined)
}

/** Calls `visit` with each batch until it returns false, and `afterChunk` now and then. Throws where the segment goes meanwhile. */
async function eachBatch(
  segment: Segment,
  signal: AbortSignal,
  visit: (batch: BatchHeader) => unknown,
  afterChunk: () => Promise<void> = async () => {},
): Promise<void> {
  let next = segment.baseOffset
  let goesOn = true
  while (goesOn) {
    if (signal.aborted || segment.isGone) throw new OvertakenError()
    const chunk = await segment.read(next, CHUNK_BYTES, Number.POSITIVE_INFINITY, true)
    if (chunk === undefined || chunk.length === 0) {
      if (segment.isGone) throw new OvertakenError()
      return
    }
    forEachBatch(chunk, (batch) => {
      next = batch.lastOffset + 1
      goesOn = visit(batch) !== false
      return goesOn
    })
    await afterChunk()
  }
}

/** The offsets at which producers wrote what they aborted afterwards. */
class AbortedRanges {
  readonly #byProducer = new Map<number, AbortedTransaction[]>()

  constructor(transactions: readonly AbortedTransaction[]) {
    for (const transaction of transactions) {
      const others = this.#byProducer.get(transaction.producerId)
      if (others) others.push(transaction)
      else this.#byProducer.set(transaction.producerId, [transaction])
    }
  }

  includes(batch: BatchHeader): boolean {
    if (!batch.isTransactional) return false
    const { baseOffset } = batch
    const transactions = this.#byProducer.get(batch.producerId) ?? []
    return transactions.some(({ firstOffset, lastOffset }) => baseOffset >= firstOffset && baseOffset < lastOffset)
  }
}
