import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { readFileIfAny, replaceFile, syncFolder } from '../storage/durable-file.ts'
import { forgetUnkept, isUnkept } from '../storage/forced-file.ts'
import { OffsetIndex } from './offset-index.ts'
import { advance, isIdempotent, type ProducerEntry, producedBatch } from './producer-state.ts'
import { readAt, scanIntact } from './scan.ts'
import { baseOffsetOf, logFile, stateFile } from './segment.ts'
import { emptyState, type SegmentState } from './segment-state.ts'
import { decodeState } from './segment-state-file.ts'
import { finishSwap } from './segment-swap.ts'
import { TransactionIndex } from './transaction-index.ts'

const CHUNK_BYTES = 4 * 1024 * 1024

/** A segment whose file has been checked. */
export interface RecoveredSegment {
  readonly state: SegmentState
  /** Up to where the state that is kept in a file goes. */
  readonly keptBytes: number
}

/**
 * Finds a partition's segments, in the order of their offsets; at least one. A segment whose kept state covers its whole file is taken as it
 * is; of others, what was written after that state is read and checked by CRC, and a torn end is cut off. Where the disk has lost so much
 * that the end lies before `startOffset`, the log begins anew there. Makes the folder where there is none.
 */
export async function recoverLog(folder: string, startOffset: number): Promise<RecoveredSegment[]> {
  await mkdir(folder, { recursive: true })
  await finishSwap(folder)
  const names = await readdir(folder)
  const baseOffsets = names.flatMap((name) => baseOffsetOf(name) ?? []).sort((a, b) => a - b)
  const segments: RecoveredSegment[] = []
  for (const baseOffset of baseOffsets)
    segments.push(await recoverSegment(folder, baseOffset, segments.at(-1)?.state.producers ?? []))
  const { nextOffset = -1, producers = [] } = segments.at(-1)?.state ?? {}
  if (nextOffset >= startOffset) return segments
  // All that the disk has kept had been deleted. What is appended has to follow what was deleted, or nobody could read it.
  for (const baseOffset of baseOffsets) await removeSegment(folder, baseOffset)
  return [{ state: emptyState(startOffset, producers), keptBytes: 0 }]
}

async function removeSegment(folder: string, baseOffset: number): Promise<void> {
  await rm(stateFile(folder, baseOffset), { force: true })
  const file = logFile(folder, baseOffset)
  await rm(file, { force: true })
  await forgetUnkept(file)
}

async function recoverSegment(
  folder: string,
  baseOffset: number,
  producersBefore: readonly ProducerEntry[],
): Promise<RecoveredSegment> {
  const file = logFile(folder, baseOffset)
  const handle = await open(file, 'r+')
  try {
    const { size } = await handle.stat()
    const kept = await keptState(folder, baseOffset, size)
    if (kept?.sizeBytes === size) return { state: kept, keptBytes: size }
    const builder = new StateBuilder(kept ?? emptyState(baseOffset, producersBefore))
    const { sizeBytes, nextOffset } = builder
    const end = await scanIntact(handle, sizeBytes, size, nextOffset, (batch, position) => builder.add(batch, position))
    if (end < size) await handle.truncate(end)
    if (await isUnkept(file)) {
      // To other blocks: over those that could not be written, even a write that succeeds may come to nothing.
      await replaceFile(file, chunksOf(handle, end))
      await forgetUnkept(file)
    }
    return { state: builder.state(end), keptBytes: sizeBytes }
  } finally {
    await handle.close()
  }
}

async function keptState(folder: string, baseOffset: number, fileBytes: number): Promise<SegmentState | undefined> {
  const file = stateFile(folder, baseOffset)
  const content = await readFileIfAny(file)
  if (content === undefined) return undefined
  const state = decodeState(content)
  // A file that is shorter than its state lost what the state speaks of.
  if (state?.baseOffset === baseOffset && state.sizeBytes <= fileBytes) return state
  // It would be believed once the file has grown again, although other bytes are there then.
  await rm(file)
  await syncFolder(folder)
  return undefined
}

async function* chunksOf(handle: FileHandle, end: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < end; at += CHUNK_BYTES) yield await readAt(handle, at, Math.min(CHUNK_BYTES, end - at))
}

type ScannedBatch = Parameters<typeof producedBatch>[0]

/** Brings a segment's state up to date with batches that were written after it was kept. */
class StateBuilder {
  readonly sizeBytes: number
  nextOffset: number
  readonly #kept: SegmentState
  readonly #index: OffsetIndex
  readonly #producers: Map<number, ProducerEntry>
  readonly #transactions: TransactionIndex

  constructor(kept: SegmentState) {
    this.#kept = kept
    this.sizeBytes = kept.sizeBytes
    this.nextOffset = kept.nextOffset
    this.#index = new OffsetIndex(kept)
    this.#producers = new Map(kept.producers.map((entry) => [entry.producerId, entry]))
    this.#transactions = new TransactionIndex(kept.producers, kept.aborted)
  }

  add(batch: ScannedBatch, position: number): void {
    const { baseOffset } = batch
    this.#index.add(baseOffset, position, batch.maxTimestamp)
    this.nextOffset = batch.lastOffset + 1
    if (!isIdempotent(batch)) return
    const produced = producedBatch(batch)
    const { entry, change } = advance(this.#producers.get(produced.producerId), produced, baseOffset)
    this.#producers.set(produced.producerId, entry)
    if (change) this.#transactions.apply(change)
  }

  state(sizeBytes: number): SegmentState {
    return {
      baseOffset: this.#kept.baseOffset,
      sizeBytes,
      nextOffset: this.nextOffset,
      ...this.#index.state,
      producers: [...this.#producers.values()],
      aborted: this.#transactions.abortedEndingIn(this.#kept.baseOffset, this.nextOffset),
    }
  }
}
