import { rm } from 'node:fs/promises'
import path from 'node:path'
import { controlBatchOf, KafkaError, type TransactionMarker } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'
import { LogEnd } from './log-end.ts'
import type { LogSettings } from './log-settings.ts'
import { type LogStorage, LogWriter } from './log-writer.ts'
import { type MaintainedLog, maintain } from './maintenance.ts'
import { checkBatch } from './plan-append.ts'
import { prepareBatch } from './prepare-batch.ts'
import type { ProducerEntry } from './producer-state.ts'
import { type RecoveredSegment, recoverLog } from './recovery.ts'
import { type Allocate, allocateOwn } from './scan.ts'
import { Segment } from './segment.ts'
import { SegmentList } from './segment-list.ts'
import { swapSteps } from './segment-swap.ts'
import { latestRecord, recordAtTime, type TimedOffset } from './timestamp-search.ts'
import type { AbortedTransaction } from './transaction-index.ts'

const NO_BATCHES = Buffer.alloc(0)

/** The batches of one partition. What has been written completely can be read: nothing that a reader has seen is lost with the process. */
export class PartitionLog implements MaintainedLog {
  /** May be changed while the log is in use. */
  settings: LogSettings
  readonly folder: string
  readonly segments: SegmentList
  readonly #end: LogEnd
  readonly #writer: LogWriter
  readonly #storage: LogStorage
  readonly #closing = new AbortController()
  #startOffset: number
  #maintenance: Promise<void> | undefined
  /** Changes of the list of segments other than at its end: one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve()

  private constructor(
    folder: string,
    settings: LogSettings,
    storage: LogStorage,
    segments: readonly Segment[],
    startOffset: number,
    end: LogEnd,
  ) {
    this.folder = folder
    this.settings = settings
    this.segments = new SegmentList(segments)
    this.#storage = storage
    this.#startOffset = startOffset
    this.#end = end
    this.#writer = new LogWriter(this, end, storage)
  }

  /** Opens the log in `folder`, or makes it; what a crash left half written is removed. */
  static async open(folder: string, settings: LogSettings, storage: LogStorage): Promise<PartitionLog> {
    const deletedBefore = Number((await readFileIfAny(startFile(folder)))?.toString() ?? 0)
    const recovered = await recoverLog(folder, deletedBefore)
    const segments = await Promise.all(recovered.map(({ state, keptBytes }) => Segment.open(folder, state, keptBytes)))
    const states = recovered.map(({ state }) => state)
    const { nextOffset = 0, producers = [] } = states.at(-1) ?? {}
    const start = Math.max(states[0]?.baseOffset ?? 0, deletedBefore)
    const aborted = states.flatMap((state) => state.aborted)
    const log = new PartitionLog(folder, settings, storage, segments, start, new LogEnd(nextOffset, producers, aborted))
    log.#keepFull(recovered)
    return log
  }

  /** The first offset that can be read. */
  get startOffset(): number {
    return this.#startOffset
  }

  /** The offset after the last record that can be read: the high watermark. */
  get endOffset(): number {
    return this.#end.offset
  }

  /** The offset up to where every transaction has ended: what a reader of committed records sees. */
  get lastStableOffset(): number {
    return Math.max(this.#end.stableOffset, this.#startOffset)
  }

  /** What is known of the producers that have written here lately. */
  get producers(): ProducerEntry[] {
    return this.#end.producers
  }

  /** Aborted transactions that have records from `from` to before `to`, by their first offsets. */
  abortedWithin(from: number, to: number): AbortedTransaction[] {
    return this.#end.abortedWithin(from, to)
  }

  get sizeBytes(): number {
    return this.segments.sizeBytes
  }

  /**
   * Appends one batch as it came and gives the offset of its first record, once it is written (with fsync `always`, once it is on the disk).
   * A batch that an idempotent producer sends again gets the offset that it has. `now` is the time of its arrival. Rejects with `KafkaError`.
   */
  async append(batch: Buffer, now = Date.now()): Promise<number> {
    checkBatch(batch, this.settings.maxBatchBytes)
    return this.#writer.append(prepareBatch(batch, this.settings, now))
  }

  /** Ends a producer's transaction in this partition. Rejects with INVALID_PRODUCER_EPOCH for an epoch before the producer's. */
  async appendMarker(marker: TransactionMarker): Promise<number> {
    return this.#writer.append(controlBatchOf(marker, crc32c))
  }

  /**
   * Whole batches from the one that holds `offset` on, before `upTo`: up to `maxBytes`, or with `atLeastOne` at least one. Rejects with
   * OFFSET_OUT_OF_RANGE for an offset that the log does not have. They are read into what `allocate` gives.
   */
  async read(
    offset: number,
    maxBytes: number,
    atLeastOne: boolean,
    upTo = this.endOffset,
    allocate: Allocate = allocateOwn,
  ): Promise<Buffer> {
    this.#closing.signal.throwIfAborted()
    this.#assertHas(offset)
    if (offset >= upTo) return NO_BATCHES
    for (let segment = this.segments.at(offset); segment; segment = this.segments.after(segment)) {
      const batches = await segment.read(offset, maxBytes, upTo, atLeastOne, allocate)
      if (batches !== undefined) {
        // Deleted meanwhile, they may be of transactions that nobody knows any more to have been aborted.
        this.#assertHas(offset)
        return batches
      }
      // Deleted or compacted meanwhile: what is there now decides.
      if (segment.isGone) return this.read(offset, maxBytes, atLeastOne, upTo, allocate)
    }
    return NO_BATCHES
  }

  /** Calls `listener` with the number of bytes of every write. Returns how to stop that. */
  onAppend(listener: (bytes: number) => void): () => void {
    return this.#writer.onAppend(listener)
  }

  /** The first record of `timestamp` (ms since the epoch) or later. */
  async offsetAtTime(timestamp: number): Promise<TimedOffset | undefined> {
    this.#closing.signal.throwIfAborted()
    return recordAtTime(this.segments, timestamp, this.#startOffset)
  }

  /** The record with the latest timestamp. */
  async offsetOfMaxTimestamp(): Promise<TimedOffset | undefined> {
    this.#closing.signal.throwIfAborted()
    const { all } = this.segments
    const latest = all.reduce((best, segment) => (segment.maxTimestamp > best.maxTimestamp ? segment : best))
    if (latest.maxTimestampOffset < 0) return undefined
    const batch = await latest.read(latest.maxTimestampOffset, 0, Number.POSITIVE_INFINITY, true)
    if (batch === undefined && latest.isGone) return this.offsetOfMaxTimestamp()
    return batch && latestRecord(batch)
  }

  /** Deletes what lies before `offset`; space comes back a segment at a time. Returns the new first offset. */
  async deleteBefore(offset: number): Promise<number> {
    if (offset > this.endOffset || offset < 0)
      throw new KafkaError('OFFSET_OUT_OF_RANGE', `offset ${offset} is beyond the end at ${this.endOffset}`)
    await this.#inTurn(async () => {
      this.#closing.signal.throwIfAborted()
      if (offset <= this.#startOffset) return
      await replaceFile(startFile(this.folder), String(offset))
      this.#startOffset = offset
    })
    await this.dropBefore(offset)
    return this.#startOffset
  }

  // The oldest goes first: where that is broken off, what is left has no gap, and begins with the segment that is the oldest then.
  async dropBefore(offset: number): Promise<void> {
    await this.#inTurn(async () => {
      const removed = this.segments.takeBefore(offset)
      this.#startOffset = Math.max(this.#startOffset, this.segments.all[0]?.baseOffset ?? 0)
      this.#end.forgetBefore(this.#startOffset)
      await this.settled()
      for (const segment of removed) await segment.remove()
    })
  }

  /** Closes, deletes and compacts segments as the settings say; `now` is in milliseconds since the epoch. */
  async maintain(now = Date.now()): Promise<void> {
    if (this.#writer.hasStopped) return
    this.#writer.checkpoint()
    this.#maintenance ??= maintain(this, now, this.#closing.signal)
      .catch((error) => {
        // Being broken off is nothing to complain of.
        if (!this.#closing.signal.aborted) throw error
      })
      .finally(() => {
        this.#maintenance = undefined
      })
    return this.#maintenance
  }

  roll(): Promise<void> {
    return this.#writer.roll()
  }

  settled(): Promise<void> {
    return this.#writer.settled()
  }

  replace(others: readonly Segment[], cleaned: Segment): Promise<boolean> {
    return this.#inTurn(async () => {
      const { baseOffset } = cleaned
      const merged = others.map((segment) => segment.baseOffset).filter((other) => other !== baseOffset)
      if (!this.segments.has(others)) {
        await cleaned.remove()
        return false
      }
      for (const step of swapSteps(this.folder, { baseOffset, merged })) await step()
      cleaned.tookPlace()
      this.segments.replace(others, cleaned)
      for (const segment of others) await segment.close()
      return true
    })
  }

  /** Forces to the disk what has been written. */
  flush(): Promise<void> {
    return this.#writer.flush()
  }

  /** Ends the writes under way and leaves files that open without a scan. */
  async close(): Promise<void> {
    await this.#stop(new KafkaError('NOT_LEADER_OR_FOLLOWER', 'the broker is stopping'))
    await this.#writer.finish()
    for (const segment of this.segments.all) await segment.close()
  }

  /** Closes the log and deletes its folder. Whoever waits for its records is told that there is no such partition. */
  async destroy(): Promise<void> {
    const stopped = this.#stop(new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'the topic has been deleted'))
    this.#writer.wakeAll()
    await stopped
    for (const segment of this.segments.all) await segment.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Full segments that a crash has left without a state, or with one of less. */
  #keepFull(recovered: readonly RecoveredSegment[]): void {
    for (const [index, segment] of this.segments.all.slice(0, -1).entries()) {
      const state = recovered[index]?.state
      if (state && segment.unkeptBytes > 0) this.#writer.keep(segment, state)
    }
  }

  #assertHas(offset: number): void {
    if (offset >= this.#startOffset && offset <= this.endOffset) return
    throw new KafkaError('OFFSET_OUT_OF_RANGE', `offset ${offset} is not within ${this.#startOffset}–${this.endOffset}`)
  }

  /** From here on `reason` is the answer to everybody. */
  async #stop(reason: KafkaError): Promise<void> {
    this.#closing.abort(reason)
    await this.#writer.stop(reason)
    // Whoever began it is told how it went.
    await this.#maintenance?.catch(() => {})
    await this.#lastChange
    await this.settled()
    this.#storage.flusher.forget(this.#writer)
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change)
    this.#lastChange = changed.catch(() => undefined)
    return changed
  }
}

function startFile(folder: string): string {
  return path.join(folder, 'start-offset')
}
