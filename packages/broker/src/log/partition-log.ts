import { rm } from 'node:fs/promises'
import path from 'node:path'
import { controlBatchOf, KafkaError, type TransactionMarker } from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'
import type { Flushable, FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { UnkeptError } from '../storage/forced-file.ts'
import type { LogSettings } from './log-settings.ts'
import { type MaintainedLog, maintain } from './maintenance.ts'
import { type AppendPlan, checkBatch, type Placement, planAppend } from './plan-append.ts'
import { prepareBatch } from './prepare-batch.ts'
import type { ProducerEntry } from './producer-state.ts'
import { recoverLog } from './recovery.ts'
import { type Allocate, allocateOwn } from './scan.ts'
import { Segment } from './segment.ts'
import { SegmentList } from './segment-list.ts'
import { emptyState, type SegmentEnd } from './segment-state.ts'
import { swapSteps } from './segment-swap.ts'
import { latestRecord, recordAtTime, type TimedOffset } from './timestamp-search.ts'
import { type AbortedTransaction, TransactionIndex } from './transaction-index.ts'

/** One write takes at most so many batches, below what the operating system takes in one call. */
const MAX_BATCHES_PER_WRITE = 512

/** A producer that has not been heard of for so long is forgotten with the next segment: Kafka's producer.id.expiration.ms. */
const PRODUCER_EXPIRATION_MS = 24 * 60 * 60 * 1000

/** After so many bytes the state of the segment that is written to is kept anew: more than that is not scanned after a crash. */
const CHECKPOINT_BYTES = 32 * 1024 * 1024
/** The same for when there is time for it. */
const IDLE_CHECKPOINT_BYTES = 1024 * 1024

const NO_BATCHES = Buffer.alloc(0)

export interface LogStorage {
  readonly fsync: FsyncPolicy
  readonly flusher: IntervalFlusher
  /** Told of failures that nobody waits for. */
  readonly onError: (error: unknown) => void
}

interface PendingAppend {
  readonly records: Buffer
  readonly resolve: (baseOffset: number) => void
  readonly reject: (error: unknown) => void
}

/** The batches of one partition. What has been written completely can be read: nothing that a reader has seen is lost with the process. */
export class PartitionLog implements Flushable, MaintainedLog {
  /** May be changed while the log is in use. */
  settings: LogSettings
  readonly folder: string
  readonly segments: SegmentList
  readonly #storage: LogStorage
  readonly #producers: Map<number, ProducerEntry>
  readonly #transactions: TransactionIndex
  readonly #appendListeners = new Set<(bytes: number) => void>()
  /** States of segments that are on their way into files. */
  readonly #keeping = new Set<Promise<void>>()
  readonly #closing = new AbortController()
  #queue: PendingAppend[] = []
  #writing: Promise<void> | undefined
  #maintenance: Promise<void> | undefined
  /** Changes of the list of segments other than at its end: one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve()
  #unflushedRecords = 0
  #startOffset: number
  #endOffset: number
  /** What everybody is answered who wants to append. */
  #failure: KafkaError | undefined
  /** Of the first file that the disk did not keep. */
  #unkept: UnkeptError | undefined

  private constructor(
    folder: string,
    settings: LogSettings,
    storage: LogStorage,
    segments: Segment[],
    offsets: { readonly start: number; readonly end: number },
    producers: readonly ProducerEntry[],
    aborted: readonly AbortedTransaction[],
  ) {
    this.folder = folder
    this.settings = settings
    this.#storage = storage
    this.segments = new SegmentList(segments)
    this.#startOffset = offsets.start
    this.#endOffset = offsets.end
    this.#producers = new Map(producers.map((entry) => [entry.producerId, entry]))
    this.#transactions = new TransactionIndex(producers, aborted)
  }

  /** Opens the log in `folder`, or makes it; what a crash left half written is removed. */
  static async open(folder: string, settings: LogSettings, storage: LogStorage): Promise<PartitionLog> {
    const deletedBefore = Number((await readFileIfAny(startFile(folder)))?.toString() ?? 0)
    const recovered = await recoverLog(folder, deletedBefore)
    const segments = await Promise.all(recovered.map(({ state, keptBytes }) => Segment.open(folder, state, keptBytes)))
    const states = recovered.map(({ state }) => state)
    const last = states.at(-1) ?? emptyState(0)
    const start = Math.max(states[0]?.baseOffset ?? 0, deletedBefore)
    const aborted = states.flatMap((state) => state.aborted)
    const offsets = { start, end: last.nextOffset }
    const log = new PartitionLog(folder, settings, storage, segments, offsets, last.producers, aborted)
    for (const [index, segment] of segments.slice(0, -1).entries())
      if (segment.unkeptBytes > 0) log.#keep(segment, states[index] ?? last)
    return log
  }

  /** The first offset that can be read. */
  get startOffset(): number {
    return this.#startOffset
  }

  /** The offset after the last record that can be read: the high watermark. */
  get endOffset(): number {
    return this.#endOffset
  }

  /** The offset up to where every transaction has ended: what a reader of committed records sees. */
  get lastStableOffset(): number {
    return Math.max(this.#transactions.firstUnstableOffset ?? this.#endOffset, this.#startOffset)
  }

  /** What is known of the producers that have written here lately. */
  get producers(): ProducerEntry[] {
    return [...this.#producers.values()]
  }

  /** Aborted transactions that have records from `from` to before `to`, by their first offsets. */
  abortedWithin(from: number, to: number): AbortedTransaction[] {
    return this.#transactions.abortedWithin(from, to)
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
    return this.#enqueue(prepareBatch(batch, this.settings, now))
  }

  /** Ends a producer's transaction in this partition. Rejects with INVALID_PRODUCER_EPOCH for an epoch before the producer's. */
  async appendMarker(marker: TransactionMarker): Promise<number> {
    return this.#enqueue(controlBatchOf(marker, crc32c))
  }

  /**
   * Whole batches from the one that holds `offset` on, before `upTo`: up to `maxBytes`, or with `atLeastOne` at least one. Rejects with
   * OFFSET_OUT_OF_RANGE for an offset that the log does not have. They are read into what `allocate` gives.
   */
  async read(
    offset: number,
    maxBytes: number,
    atLeastOne: boolean,
    upTo = this.#endOffset,
    allocate: Allocate = allocateOwn,
  ): Promise<Buffer> {
    this.#closing.signal.throwIfAborted()
    if (offset < this.#startOffset || offset > this.#endOffset)
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        `offset ${offset} is not within ${this.#startOffset}–${this.#endOffset}`,
      )
    if (offset >= upTo) return NO_BATCHES
    for (let segment = this.segments.at(offset); segment; segment = this.segments.after(segment)) {
      const batches = await segment.read(offset, maxBytes, upTo, atLeastOne, allocate)
      if (batches !== undefined) return batches
      // Deleted or compacted meanwhile: what is there now decides.
      if (segment.isGone) return this.read(offset, maxBytes, atLeastOne, upTo, allocate)
    }
    return NO_BATCHES
  }

  /** Calls `listener` with the number of bytes of every write. Returns how to stop that. */
  onAppend(listener: (bytes: number) => void): () => void {
    this.#appendListeners.add(listener)
    return () => this.#appendListeners.delete(listener)
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
    if (offset > this.#endOffset || offset < 0)
      throw new KafkaError('OFFSET_OUT_OF_RANGE', `offset ${offset} is beyond the end at ${this.#endOffset}`)
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
      this.#transactions.forgetBefore(this.#startOffset)
      await this.settled()
      for (const segment of removed) await segment.remove()
    })
  }

  /** Closes, deletes and compacts segments as the settings say; `now` is in milliseconds since the epoch. */
  async maintain(now = Date.now()): Promise<void> {
    if (this.#failure) return
    // While something is written, the end is not known.
    if (!this.#writing) this.#checkpoint(IDLE_CHECKPOINT_BYTES)
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

  async roll(): Promise<void> {
    while (this.#writing) await this.#writing
    if (this.#failure || this.segments.active.sizeBytes === 0) return
    const begun = this.#beginSegment()
    this.#writing = begun.then(
      () => this.#writeQueue(),
      () => this.#writeQueue(),
    )
    await begun
  }

  async settled(): Promise<void> {
    await Promise.all(this.#keeping)
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

  async flush(): Promise<void> {
    const covered = this.#unflushedRecords
    try {
      await this.segments.active.flush()
      this.#unflushedRecords -= covered
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** Ends the writes under way and leaves files that open without a scan. */
  async close(): Promise<void> {
    await this.#stop(new KafkaError('NOT_LEADER_OR_FOLLOWER', 'the broker is stopping'))
    const { all, active } = this.segments
    if (!this.#unkept) await active.keep(this.#endOf(active)).catch((error) => this.#failed(error))
    for (const segment of all) await segment.close()
  }

  /** Closes the log and deletes its folder. Whoever waits for its records is told that there is no such partition. */
  async destroy(): Promise<void> {
    const stopped = this.#stop(new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'the topic has been deleted'))
    for (const listener of [...this.#appendListeners]) listener(Number.POSITIVE_INFINITY)
    await stopped
    for (const segment of this.segments.all) await segment.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  #endOf({ baseOffset }: Segment): SegmentEnd {
    const nextOffset = this.#endOffset
    return {
      nextOffset,
      producers: this.producers,
      aborted: this.#transactions.abortedEndingIn(baseOffset, nextOffset),
    }
  }

  /** From here on `reason` is the answer to everybody. */
  async #stop(reason: KafkaError): Promise<void> {
    this.#failure ??= reason
    this.#closing.abort(reason)
    await this.#writing
    // Whoever began it is told how it went.
    await this.#maintenance?.catch(() => {})
    await this.#lastChange
    await this.settled()
    this.#storage.flusher.forget(this)
  }

  /** Tells of a failure that nobody waits for. After one of the disk nothing is appended until the next start has read what is there. */
  #failed(error: unknown): void {
    if (error instanceof UnkeptError) {
      if (this.#unkept) return
      this.#unkept = error
      this.#failure ??= new KafkaError('KAFKA_STORAGE_ERROR', `${error.message}; start the broker again to go on`)
    }
    this.#storage.onError(error)
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change)
    this.#lastChange = changed.catch(() => undefined)
    return changed
  }

  #enqueue(records: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ records, resolve, reject })
      this.#writing ??= this.#writeQueue()
    })
  }

  // While one write is under way the next appends gather, so that many small batches share a write.
  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const pending = this.#queue.splice(0, MAX_BATCHES_PER_WRITE)
      try {
        await this.#write(pending)
      } catch (error) {
        for (const append of pending) append.reject(failureOf(error))
      }
    }
    this.#writing = undefined
  }

  async #write(pending: readonly PendingAppend[]): Promise<void> {
    if (this.#failure) throw this.#failure
    const plan = planAppend(
      pending.map((append) => append.records),
      this.#endOffset,
      this.#producers,
    )
    if (plan.sizeBytes > 0) await this.#writeBatches(plan)
    this.#endOffset = plan.nextOffset
    for (const [id, entry] of plan.producers) this.#producers.set(id, entry)
    for (const change of plan.transactions) this.#transactions.apply(change)
    settle(pending, plan.placements)
    if (plan.sizeBytes > 0) for (const listener of [...this.#appendListeners]) listener(plan.sizeBytes)
    this.#checkpoint(CHECKPOINT_BYTES)
  }

  async #writeBatches({ batches, sizeBytes, nextOffset }: AppendPlan): Promise<void> {
    const { fsync, flusher } = this.#storage
    const records = nextOffset - this.#endOffset
    const segment = await this.#segmentFor(sizeBytes)
    if (fsync.mode === 'interval' && this.#unflushedRecords + records < this.settings.flushMessages) {
      await segment.append(batches)
      this.#unflushedRecords += records
      return flusher.wrote(this)
    }
    // Of what could wait, a part may be in the segment before.
    if (this.#unflushedRecords > 0) await this.settled()
    if (this.#unkept) throw this.#unkept
    await segment.append(batches, true).catch((error) => {
      if (error instanceof UnkeptError) this.#failed(error)
      throw error
    })
    this.#unflushedRecords = 0
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const { active } = this.segments
    if (active.sizeBytes === 0 || active.sizeBytes + bytes <= this.settings.segmentBytes) return active
    return this.#beginSegment()
  }

  async #beginSegment(): Promise<Segment> {
    this.#forgetIdleProducers()
    const { active } = this.segments
    const end = this.#endOf(active)
    const next = await Segment.open(this.folder, emptyState(this.#endOffset), 0)
    this.segments.push(next)
    this.#keep(active, end)
    return next
  }

  // In the background: forcing so much to the disk would hold up the appends. Until it is done, opening the segment scans it.
  #keep(segment: Segment, { nextOffset, producers, aborted }: SegmentEnd): void {
    const kept = segment
      .keep({ nextOffset, producers, aborted })
      .catch((error) => this.#failed(error))
      .finally(() => this.#keeping.delete(kept))
    this.#keeping.add(kept)
  }

  #checkpoint(afterBytes: number): void {
    const { active } = this.segments
    // On a disk that is slower than this, the next one covers more.
    if (active.unkeptBytes >= afterBytes && this.#keeping.size === 0) this.#keep(active, this.#endOf(active))
  }

  #forgetIdleProducers(): void {
    const since = Date.now() - PRODUCER_EXPIRATION_MS
    for (const [id, { lastTimestamp, transactionStart }] of this.#producers)
      if (lastTimestamp < since && transactionStart === null) this.#producers.delete(id)
  }
}

function settle(pending: readonly PendingAppend[], placements: readonly Placement[]): void {
  for (const [index, append] of pending.entries()) {
    const placement = placements[index]
    if (placement === undefined) append.reject(new Error('an append has no place'))
    else if ('rejected' in placement) append.reject(placement.rejected)
    else append.resolve(placement.baseOffset)
  }
}

function startFile(folder: string): string {
  return path.join(folder, 'start-offset')
}

function failureOf(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new KafkaError('KAFKA_STORAGE_ERROR', `writing the log failed: ${reason}`)
}
