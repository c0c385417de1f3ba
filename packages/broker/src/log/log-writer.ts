import { KafkaError } from '../protocol/index.ts'
import type { Flushable, FsyncPolicy, IntervalFlusher } from '../storage/flusher.ts'
import { UnkeptError } from '../storage/forced-file.ts'
import { WriteQueue } from '../storage/write-queue.ts'
import type { LogEnd } from './log-end.ts'
import type { LogSettings } from './log-settings.ts'
import type { AppendPlan, Placement } from './plan-append.ts'
import { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { emptyState, type SegmentEnd } from './segment-state.ts'

/** One write takes at most so many batches, below what the operating system takes in one call. */
const MAX_BATCHES_PER_WRITE = 512

/** After so many bytes the state of the segment that is written to is kept anew: more than that is not scanned after a crash. */
const CHECKPOINT_BYTES = 32 * 1024 * 1024
/** The same for when there is time for it. */
const IDLE_CHECKPOINT_BYTES = 1024 * 1024

export interface LogStorage {
  readonly fsync: FsyncPolicy
  readonly flusher: IntervalFlusher
  /** Told of failures that nobody waits for. */
  readonly onError: (error: unknown) => void
}

/** What a writer writes to. Its settings may change meanwhile. */
export interface WrittenLog {
  readonly folder: string
  readonly settings: LogSettings
  readonly segments: SegmentList
}

/** Writes at the end of a log: batches into segments, and what is known of segments beside them. */
export class LogWriter implements Flushable {
  readonly #log: WrittenLog
  readonly #end: LogEnd
  readonly #storage: LogStorage
  readonly #queue = new WriteQueue<Buffer, Placement>((records) => this.#write(records), MAX_BATCHES_PER_WRITE)
  readonly #appendListeners = new Set<(bytes: number) => void>()
  /** States of segments that are on their way into files. */
  readonly #keeping = new Set<Promise<void>>()
  /** What is to be kept of segments and is not yet, their disk being full perhaps. */
  readonly #unwritten = new Map<Segment, SegmentEnd>()
  #unflushedRecords = 0
  /** What everybody is answered who wants to append. */
  #refusal: KafkaError | undefined
  /** Of the first file that the disk did not keep. */
  #unkept: UnkeptError | undefined

  constructor(log: WrittenLog, end: LogEnd, storage: LogStorage) {
    this.#log = log
    this.#end = end
    this.#storage = storage
  }

  get hasStopped(): boolean {
    return this.#refusal !== undefined
  }

  /** Appends one batch, and gives the offset of its first record. Rejects with `KafkaError`. */
  async append(records: Buffer): Promise<number> {
    const placement = await this.#queue.push(records).catch((error) => {
      throw refusalOf(error)
    })
    if ('rejected' in placement) throw placement.rejected
    return placement.baseOffset
  }

  /** Calls `listener` with the number of bytes of every write. Returns how to stop that. */
  onAppend(listener: (bytes: number) => void): () => void {
    this.#appendListeners.add(listener)
    return () => this.#appendListeners.delete(listener)
  }

  /** Closes the segment that is written to, and begins another. */
  async roll(): Promise<void> {
    await this.#queue.between(async () => {
      if (!this.hasStopped && this.#log.segments.active.sizeBytes > 0) await this.#beginSegment()
    })
  }

  async flush(): Promise<void> {
    const covered = this.#unflushedRecords
    try {
      await this.#log.segments.active.flush()
      this.#unflushedRecords -= covered
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** In the background: forcing so much to the disk would hold up the appends. Until it is done, opening the segment scans it. */
  keep(segment: Segment, { nextOffset, producers, aborted }: SegmentEnd): void {
    const end = { nextOffset, producers, aborted }
    this.#unwritten.set(segment, end)
    const kept = segment
      .keep(end)
      .then(() => {
        if (this.#unwritten.get(segment) === end) this.#unwritten.delete(segment)
      })
      .catch((error) => this.#failed(error))
      .finally(() => this.#keeping.delete(kept))
    this.#keeping.add(kept)
  }

  /** Keeps what is known of the segment that is written to, if that is worth it and nothing is written right now. */
  checkpoint(): void {
    this.#keepAgain()
    // While something is written, the end is not known.
    if (!this.#queue.isBusy) this.#checkpoint(IDLE_CHECKPOINT_BYTES)
  }

  /** Resolves when the states of segments are on the disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#keeping)
  }

  /** From here on `reason` is the answer to everybody. Resolves when what was under way has been written. */
  async stop(reason: KafkaError): Promise<void> {
    this.#refusal ??= reason
    await this.#queue.settled()
  }

  /** After `stop`: leaves files that open without a scan. */
  async finish(): Promise<void> {
    const { active } = this.#log.segments
    if (!this.#unkept && active.unkeptBytes > 0) this.keep(active, this.#end.ofSegment(active.baseOffset))
    await this.settled()
  }

  /** Wakes whoever waits for records that will not come any more. */
  wakeAll(): void {
    this.#tell(Number.POSITIVE_INFINITY)
  }

  async #write(records: readonly Buffer[]): Promise<readonly Placement[]> {
    if (this.#refusal) throw this.#refusal
    const plan = this.#end.plan(records)
    if (plan.sizeBytes > 0) await this.#writeBatches(plan)
    this.#end.apply(plan)
    if (plan.sizeBytes > 0) this.#tell(plan.sizeBytes)
    this.#checkpoint(CHECKPOINT_BYTES)
    return plan.placements
  }

  async #writeBatches({ batches, sizeBytes, nextOffset }: AppendPlan): Promise<void> {
    const { fsync, flusher } = this.#storage
    const records = nextOffset - this.#end.offset
    const segment = await this.#segmentFor(sizeBytes)
    if (fsync.mode === 'interval' && this.#unflushedRecords + records < this.#log.settings.flushMessages) {
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
    const { active } = this.#log.segments
    if (active.sizeBytes === 0 || active.sizeBytes + bytes <= this.#log.settings.segmentBytes) return active
    return this.#beginSegment()
  }

  async #beginSegment(): Promise<Segment> {
    const { folder, segments } = this.#log
    this.#end.forgetIdleProducers(Date.now())
    const { active } = segments
    const end = this.#end.ofSegment(active.baseOffset)
    const next = await Segment.open(folder, emptyState(this.#end.offset), 0)
    segments.push(next)
    this.keep(active, end)
    return next
  }

  #checkpoint(afterBytes: number): void {
    const { active } = this.#log.segments
    // On a disk that is slower than this, the next one covers more.
    if (active.unkeptBytes < afterBytes || this.#keeping.size > 0) return
    this.keep(active, this.#end.ofSegment(active.baseOffset))
  }

  /** Full segments without a state are not compacted. The one that is written to has grown since: it gets a new one. */
  #keepAgain(): void {
    if (this.#keeping.size > 0 || this.#unkept) return
    const { active } = this.#log.segments
    for (const [segment, end] of this.#unwritten) if (segment !== active) this.keep(segment, end)
  }

  #tell(bytes: number): void {
    for (const listener of [...this.#appendListeners]) listener(bytes)
  }

  /** Tells of a failure that nobody waits for. After one of the disk nothing is appended until the next start has read what is there. */
  #failed(error: unknown): void {
    if (error instanceof UnkeptError) {
      if (this.#unkept) return
      this.#unkept = error
      this.#refusal ??= new KafkaError('KAFKA_STORAGE_ERROR', `${error.message}; start the broker again to go on`)
    }
    this.#storage.onError(error)
  }
}

function refusalOf(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new KafkaError('KAFKA_STORAGE_ERROR', `writing the log failed: ${reason}`)
}
