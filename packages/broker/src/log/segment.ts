import { type FileHandle, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { BATCH_HEADER_BYTES, BatchHeader } from '../protocol/index.ts'
import { replaceFile } from '../storage/durable-file.ts'
import { OffsetIndex } from './offset-index.ts'
import { readAt, scanHeaders } from './scan.ts'
import type { SegmentEnd, SegmentState } from './segment-state.ts'

/** So many places where readers left off are remembered, so that whoever reads on needs no search. */
const REMEMBERED_PLACES = 16

const LOG_SUFFIX = '.log'

/** A run of batches in one file, named by the offset that it begins with. Only its end is ever written. */
export class Segment {
  readonly baseOffset: number
  readonly #folder: string
  readonly #handle: FileHandle
  readonly #index: OffsetIndex
  readonly #places = new Map<number, number>()
  #sizeBytes: number
  #maxTimestamp: number
  #maxTimestampOffset: number
  #torn = false

  private constructor(folder: string, handle: FileHandle, state: SegmentState) {
    this.#folder = folder
    this.#handle = handle
    this.baseOffset = state.baseOffset
    this.#index = new OffsetIndex(state.index)
    this.#sizeBytes = state.sizeBytes
    this.#maxTimestamp = state.maxTimestamp
    this.#maxTimestampOffset = state.maxTimestampOffset
  }

  /** Opens the segment's file, making it where there is none. */
  static async open(folder: string, state: SegmentState): Promise<Segment> {
    const handle = await open(logFile(folder, state.baseOffset), 'a+')
    return new Segment(folder, handle, state)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** The latest timestamp of its records, -1 where it has none; and the base offset of the batch that holds it. */
  get maxTimestamp(): number {
    return this.#maxTimestamp
  }
  get maxTimestampOffset(): number {
    return this.#maxTimestampOffset
  }

  /** Writes batches at the end. Where that fails, what got into the file is cut off before anything else is written. */
  async append(batches: readonly Buffer[]): Promise<void> {
    if (this.#torn) await this.#handle.truncate(this.#sizeBytes)
    this.#torn = true
    await this.#write(batches)
    this.#torn = false
    for (const batch of batches) this.#note(new BatchHeader().at(batch, 0), batch.length)
  }

  /**
   * The batches that hold `offset` and what follows, up to `maxBytes` and below `upTo`; undefined where the segment ends before `offset`.
   * With `atLeastOne`, the first batch comes even if it is larger than `maxBytes`.
   */
  async read(offset: number, maxBytes: number, upTo: number, atLeastOne: boolean): Promise<Buffer | undefined> {
    const position = this.#places.get(offset) ?? (await this.#find(offset))
    if (position === undefined || position >= this.#sizeBytes) return undefined
    const wanted = Math.min(Math.max(maxBytes, BATCH_HEADER_BYTES), this.#sizeBytes - position)
    const buffer = await readAt(this.#handle, position, wanted)
    let taken = this.#wholeBatches(buffer, position, upTo, maxBytes)
    if (taken > 0 || !atLeastOne) return buffer.subarray(0, taken)
    const first = await readAt(this.#handle, position, new BatchHeader().at(buffer, 0).sizeBytes)
    taken = this.#wholeBatches(first, position, upTo, first.length)
    return first.subarray(0, taken)
  }

  /** The first batch with a record of `timestamp` or later that reaches `startOffset`. */
  async batchAtTime(timestamp: number, startOffset: number): Promise<Buffer | undefined> {
    if (this.#maxTimestamp < timestamp) return undefined
    return this.#firstBatch(
      this.#index.positionBeforeTime(timestamp),
      (batch) => batch.maxTimestamp >= timestamp && batch.lastOffset >= startOffset,
    )
  }

  /** Waits until all that was written is on the disk. */
  async flush(): Promise<void> {
    await this.#handle.datasync()
  }

  /** Makes the segment's state durable, so that opening it again needs no scan. `end` is what holds at its end. */
  async finish(end: SegmentEnd): Promise<void> {
    const state: SegmentState = {
      baseOffset: this.baseOffset,
      sizeBytes: this.#sizeBytes,
      maxTimestamp: this.#maxTimestamp,
      maxTimestampOffset: this.#maxTimestampOffset,
      index: this.#index.entries,
      ...end,
    }
    const content = JSON.stringify(state)
    await this.flush()
    await replaceFile(stateFile(this.#folder, this.baseOffset), content)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Deletes the segment's files. Reads that are under way end first. */
  async remove(): Promise<void> {
    await this.close()
    await rm(stateFile(this.#folder, this.baseOffset), { force: true })
    await rm(logFile(this.#folder, this.baseOffset), { force: true })
  }

  async #write(batches: readonly Buffer[]): Promise<void> {
    const total = batches.reduce((sum, batch) => sum + batch.length, 0)
    const { bytesWritten } = await this.#handle.writev(batches)
    // A file system that fills up takes a part first and refuses the rest.
    if (bytesWritten < total) await this.#handle.appendFile(Buffer.concat(batches).subarray(bytesWritten))
  }

  #note(batch: BatchHeader, sizeBytes: number): void {
    const { baseOffset, maxTimestamp } = batch
    this.#index.add(baseOffset, this.#sizeBytes, maxTimestamp)
    if (maxTimestamp > this.#maxTimestamp) {
      this.#maxTimestamp = maxTimestamp
      this.#maxTimestampOffset = baseOffset
    }
    this.#sizeBytes += sizeBytes
  }

  async #find(offset: number): Promise<number | undefined> {
    let found: number | undefined
    await scanHeaders(this.#handle, this.#index.positionBefore(offset), this.#sizeBytes, (batch, position) => {
      if (batch.lastOffset < offset) return true
      found = position
      return false
    })
    return found
  }

  async #firstBatch(from: number, matches: (batch: BatchHeader) => boolean): Promise<Buffer | undefined> {
    let place: { position: number; sizeBytes: number } | undefined
    await scanHeaders(this.#handle, from, this.#sizeBytes, (batch, position) => {
      if (!matches(batch)) return true
      place = { position, sizeBytes: batch.sizeBytes }
      return false
    })
    return place && readAt(this.#handle, place.position, place.sizeBytes)
  }

  /** Bytes of the whole batches below `upTo` at the front of `buffer`; remembers where they end. */
  #wholeBatches(buffer: Buffer, position: number, upTo: number, maxBytes: number): number {
    const batch = new BatchHeader()
    let taken = 0
    let next = -1
    while (taken + BATCH_HEADER_BYTES <= buffer.length) {
      const end = taken + batch.at(buffer, taken).sizeBytes
      if (end > buffer.length || end > maxBytes || batch.lastOffset >= upTo) break
      next = batch.lastOffset + 1
      taken = end
    }
    if (taken > 0) this.#remember(next, position + taken)
    return taken
  }

  #remember(offset: number, position: number): void {
    this.#places.delete(offset)
    this.#places.set(offset, position)
    const oldest = this.#places.keys().next().value
    if (this.#places.size > REMEMBERED_PLACES && oldest !== undefined) this.#places.delete(oldest)
  }
}

export function logFile(folder: string, baseOffset: number): string {
  return path.join(folder, `${fileStem(baseOffset)}${LOG_SUFFIX}`)
}

export function stateFile(folder: string, baseOffset: number): string {
  return path.join(folder, `${fileStem(baseOffset)}.index`)
}

/** The base offset that a file name stands for; undefined for other files. */
export function baseOffsetOf(fileName: string): number | undefined {
  return fileName.endsWith(LOG_SUFFIX) ? Number(fileName.slice(0, -LOG_SUFFIX.length)) : undefined
}

function fileStem(baseOffset: number): string {
  return String(baseOffset).padStart(20, '0')
}
