import { type FileHandle, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { BATCH_HEADER_BYTES, BatchHeader } from '../protocol/index.ts'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'
import { ForcedFile, forgetUnkept } from '../storage/forced-file.ts'
import { OffsetIndex } from './offset-index.ts'
import { type Allocate, allocateOwn, readAt, scanHeaders } from './scan.ts'
import { emptyState, type SegmentEnd, type SegmentState } from './segment-state.ts'
import { decodeState, encodeState } from './segment-state-file.ts'

/** So many places where readers left off are remembered, so that whoever reads on needs no search. */
const REMEMBERED_PLACES = 16

const LOG_SUFFIX = '.log'

/** Behind the names of a segment's files until they take the place of others. */
export const CLEANED_SUFFIX = '.cleaned'

/** A run of batches in one file, named by the offset that it begins with. Only its end is ever written. */
export class Segment {
  readonly baseOffset: number
  /** When the file was made, in milliseconds since the epoch. */
  readonly createdAt: number
  readonly #folder: string
  #suffix: string
  readonly #handle: FileHandle
  readonly #forced: ForcedFile
  readonly #index: OffsetIndex
  readonly #places = new Map<number, number>()
  #sizeBytes: number
  #keptBytes: number
  #lastKept: Promise<unknown> = Promise.resolve()
  #torn = false
  #users = 0
  #closing: PromiseWithResolvers<void> | undefined

  private constructor(
    folder: string,
    suffix: string,
    handle: FileHandle,
    createdAt: number,
    state: SegmentState,
    keptBytes: number,
  ) {
    this.#folder = folder
    this.#suffix = suffix
    this.#handle = handle
    this.#forced = new ForcedFile(logFile(folder, state.baseOffset, suffix), handle, state.sizeBytes === 0)
    this.createdAt = createdAt
    this.baseOffset = state.baseOffset
    this.#index = new OffsetIndex(state)
    this.#sizeBytes = state.sizeBytes
    this.#keptBytes = keptBytes
  }

  /** Opens the segment's file, making it where there is none. `keptBytes`: how much of it the state that is kept in a file covers. */
  static async open(folder: string, state: SegmentState, keptBytes: number): Promise<Segment> {
    const handle = await open(logFile(folder, state.baseOffset), 'a+')
    return new Segment(folder, '', handle, await birthOf(handle), state, keptBytes)
  }

  /** A new segment that is to take the place of others, in files of other names until then. */
  static async make(folder: string, baseOffset: number): Promise<Segment> {
    const handle = await open(logFile(folder, baseOffset, CLEANED_SUFFIX), 'w+')
    return new Segment(folder, CLEANED_SUFFIX, handle, Date.now(), emptyState(baseOffset), 0)
  }

  /** Told when its files have got the names of those whose place it takes. */
  tookPlace(): void {
    this.#suffix = ''
  }

  /** Whether the segment has been closed: its records are elsewhere now, or deleted. */
  get isGone(): boolean {
    return this.#closing !== undefined
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Bytes that would have to be read to open the segment again after a crash. */
  get unkeptBytes(): number {
    return this.#sizeBytes - this.#keptBytes
  }

  /** The latest timestamp of its records, -1 where it has none; and the base offset of the batch that holds it. */
  get maxTimestamp(): number {
    return this.#index.maxTimestamp
  }
  get maxTimestampOffset(): number {
    return this.#index.maxTimestampOffset
  }

  /**
   * Writes batches at the end; with `isForced` they are on the disk before anybody can read them. Where writing fails, what got into the
   * file is cut off before anything else is written.
   */
  async append(batches: readonly Buffer[], isForced = false): Promise<void> {
    if (this.#torn) await this.#handle.truncate(this.#sizeBytes)
    this.#torn = true
    await this.#write(batches)
    if (isForced) await this.flush()
    this.#torn = false
    for (const batch of batches) this.#note(new BatchHeader().at(batch, 0), batch.length)
  }

  /**
   * The batches that hold `offset` and what follows, up to `maxBytes` and below `upTo`; undefined where the segment ends before `offset`.
   * With `atLeastOne`, the first batch comes even if it is larger than `maxBytes`. Undefined, too, where the segment is gone.
   */
  read(
    offset: number,
    maxBytes: number,
    upTo: number,
    atLeastOne: boolean,
    allocate: Allocate = allocateOwn,
  ): Promise<Buffer | undefined> {
    return this.#whileOpen(() => this.#read(offset, maxBytes, upTo, atLeastOne, allocate))
  }

  /** The first batch with a record of `timestamp` or later that reaches `from`. */
  batchAtTime(timestamp: number, from: number): Promise<Buffer | undefined> {
    return this.#whileOpen(async () => {
      if (this.maxTimestamp < timestamp) return undefined
      return this.#firstBatch(
        Math.max(this.#index.positionBeforeTime(timestamp), this.#index.positionBefore(from)),
        (batch) => batch.maxTimestamp >= timestamp && batch.lastOffset >= from,
      )
    })
  }

  async #read(
    offset: number,
    maxBytes: number,
    upTo: number,
    atLeastOne: boolean,
    allocate: Allocate,
  ): Promise<Buffer | undefined> {
    const position = this.#places.get(offset) ?? (await this.#find(offset))
    if (position === undefined || position >= this.#sizeBytes) return undefined
    const wanted = Math.min(Math.max(maxBytes, BATCH_HEADER_BYTES), this.#sizeBytes - position)
    const buffer = await readAt(this.#handle, position, wanted, allocate)
    let taken = this.#wholeBatches(buffer, position, upTo, maxBytes)
    if (taken > 0 || !atLeastOne) return buffer.subarray(0, taken)
    const first = await readAt(this.#handle, position, new BatchHeader().at(buffer, 0).sizeBytes, allocate)
    taken = this.#wholeBatches(first, position, upTo, first.length)
    return first.subarray(0, taken)
  }

  /** Waits until all that was written is on the disk. Rejects with `UnkeptError`, and then for good. Nothing is done where the segment is gone. */
  async flush(): Promise<void> {
    await this.#whileOpen(() => this.#forced.force())
  }

  /**
   * Makes the segment's state durable as it is now, so that what has been written needs no scan when it is opened again. `end` is what holds
   * at its end. Rejects with `UnkeptError`.
   */
  keep(end: SegmentEnd): Promise<void> {
    const content = encodeState({
      baseOffset: this.baseOffset,
      sizeBytes: this.#sizeBytes,
      ...this.#index.state,
      ...end,
    })
    this.#keptBytes = this.#sizeBytes
    const kept = this.#lastKept.then(async () => {
      await this.#whileOpen(async () => {
        // The bytes first: who finds the state believes that they are there.
        await this.#forced.force()
        await replaceFile(stateFile(this.#folder, this.baseOffset, this.#suffix), content)
      })
    })
    this.#lastKept = kept.catch(() => undefined)
    return kept
  }

  /** Lets the reads under way end, and none begin. */
  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers()
    if (this.#users === 0) this.#closing.resolve()
    await this.#closing.promise
    await this.#handle.close()
  }

  /** Deletes the segment's files. Reads that are under way end first. */
  async remove(): Promise<void> {
    await this.close()
    await rm(stateFile(this.#folder, this.baseOffset, this.#suffix), { force: true })
    const file = logFile(this.#folder, this.baseOffset, this.#suffix)
    await rm(file, { force: true })
    await forgetUnkept(file)
  }

  async #whileOpen<T>(use: () => Promise<T>): Promise<T | undefined> {
    if (this.isGone) return undefined
    this.#users++
    try {
      return await use()
    } finally {
      if (--this.#users === 0) this.#closing?.resolve()
    }
  }

  async #write(batches: readonly Buffer[]): Promise<void> {
    const total = batches.reduce((sum, batch) => sum + batch.length, 0)
    const { bytesWritten } = await this.#handle.writev(batches)
    // A file system that fills up takes a part first and refuses the rest.
    if (bytesWritten < total) await this.#handle.appendFile(Buffer.concat(batches).subarray(bytesWritten))
  }

  #note(batch: BatchHeader, sizeBytes: number): void {
    this.#index.add(batch.baseOffset, this.#sizeBytes, batch.maxTimestamp)
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

export function logFile(folder: string, baseOffset: number, suffix = ''): string {
  return path.join(folder, `${fileStem(baseOffset)}${LOG_SUFFIX}${suffix}`)
}

export function stateFile(folder: string, baseOffset: number, suffix = ''): string {
  return path.join(folder, `${fileStem(baseOffset)}.index${suffix}`)
}

/** The base offset that a file name stands for; undefined for other files. */
export function baseOffsetOf(fileName: string): number | undefined {
  return fileName.endsWith(LOG_SUFFIX) ? Number(fileName.slice(0, -LOG_SUFFIX.length)) : undefined
}

/** What is kept of a segment's state, if anything is that can be believed. */
export async function readState(folder: string, baseOffset: number): Promise<SegmentState | undefined> {
  const content = await readFileIfAny(stateFile(folder, baseOffset))
  return content && decodeState(content)
}

async function birthOf(handle: FileHandle): Promise<number> {
  const { birthtimeMs, mtimeMs } = await handle.stat()
  // Some file systems do not know when a file was made.
  return birthtimeMs > 0 ? birthtimeMs : mtimeMs
}

function fileStem(baseOffset: number): string {
  return String(baseOffset).padStart(20, '0')
}
