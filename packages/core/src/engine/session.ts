import { removeSpoolFolder } from '../decode/index.ts'
import type { HeadraceError } from '../errors/index.ts'
import type { LogLine, Positions, Sink } from '../model/index.ts'
import { Committer } from './committer.ts'
import type { EpochContext } from './epoch.ts'
import type { EpochInput } from './epoch-input.ts'
import { SinkBacklogError, SourcePausedError, TooManyRejectsError } from './errors.ts'
import { pathOfSink, pathOfSource, withPlace } from './failure-place.ts'
import type { Ledger } from './ledger.ts'
import { clockSetBack, retryLine } from './log-lines.ts'
import { openParts, type SessionOptions, type SessionParts } from './open-session.ts'
import type { EpochStep, RunMode } from './options.ts'
import type { SinkQueue } from './outbox.ts'
import { Publisher } from './publisher.ts'
import { Reader } from './reader.ts'
import { Schedule } from './schedule.ts'
import type { PipelineState, PipelineStatus, StatusProblem } from './status.ts'
import { problemOf, StatusBoard } from './status-board.ts'

/** A clock that goes back by more than this is told. */
const CLOCK_ALARM_MS = 60_000

/** One run of a pipeline: its reader, its publishers, its state, and what is known of them. The loop in `run.ts` drives it. */
export class Session {
  readonly reader: Reader
  readonly #options: SessionOptions
  readonly #context: EpochContext
  readonly #ledger: Ledger
  readonly #queues: readonly SinkQueue[]
  readonly #committer: Committer
  readonly #publishers: readonly Publisher[]
  readonly #board: StatusBoard
  readonly #schedule: Schedule
  /** Ends the background work; aborted when the session closes. */
  readonly #closing = new AbortController()
  readonly #reading = new AbortController()
  #news: (() => void) | undefined
  #hasNews = false
  #failure: unknown
  /** Number of the last epoch for which records were taken. */
  #lastTaken: number
  #acknowledging: Promise<void> = Promise.resolve()

  /** Opens what the state says; nothing outside is touched before the publishers connect and `startReading`. */
  static async open(options: SessionOptions): Promise<Session> {
    return new Session(await openParts(options))
  }

  private constructor(parts: SessionParts) {
    const { options, context, ledger, queues } = parts
    this.#options = options
    this.#context = context
    this.#ledger = ledger
    this.#lastTaken = ledger.epoch
    this.#queues = queues
    const now = this.#now()
    this.#board = new StatusBoard(
      {
        pipeline: context.pipeline,
        incarnation: context.incarnation,
        startedAt: now,
        state: 'starting',
        epoch: ledger.epoch,
        counts: ledger.counts,
        watermark: null,
        partitions: {},
        pending: {},
        problems: {},
        problem: undefined,
        firstResultMs: null,
      },
      options.directory,
      (status) => options.observer?.status?.(status),
    )
    this.#committer = new Committer({
      context,
      lanes: parts.lanes,
      ledger,
      queues,
      step: (step, when, epoch) => this.#step(step, when, epoch),
      onCommitted: (rows) => this.#committed(rows),
    })
    const { trigger } = options.config
    options.signal.addEventListener('abort', () => this.#reading.abort(), { once: true })
    if (options.signal.aborted) this.#reading.abort()
    this.reader = new Reader({
      createSource: parts.createSource,
      from: ledger.positions,
      maxRecords: trigger.maxRecords,
      maxBytes: trigger.maxBytes,
      signal: this.#reading.signal,
      onChange: () => this.#wake(),
      onProblem: (error, attempt, waitMs) => this.#sourceProblem(error, attempt, waitMs),
      explain: (error) => withPlace(error, options.config, pathOfSource(options.config)),
    })
    this.#schedule = new Schedule({ reader: this.reader, queues, trigger, context, startedAt: now })
    this.#publishers = queues.map((queue) => this.#publisherOf(queue, parts.createSink(queue)))
    for (const publisher of this.#publishers) publisher.start()
  }

  get finished(): boolean {
    return this.#ledger.finished
  }

  log(line: LogLine): void {
    this.#options.observer?.log?.(line)
  }

  async startReading(): Promise<void> {
    await this.reader.start()
    this.#board.source.state = 'running'
  }

  /** Throws what the reader or a publisher failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
    this.reader.check()
  }

  /** Whether reading stands still because too much waits for a sink; says so in the status. */
  held(): boolean {
    const full = this.#options.config.sinks.flatMap((sink) => {
      const pendingBytes = this.#queues.find((queue) => queue.name === sink.name)?.pendingBytes ?? 0
      return pendingBytes > sink.maxPendingBytes ? [{ sink, pendingBytes }] : []
    })[0]
    const { source } = this.#board
    if (full === undefined) {
      if (source.state === 'paused') {
        source.state = 'running'
        source.problem = undefined
      }
      return false
    }
    const reason = source.problems[full.sink.name]?.error.message ?? ''
    source.state = 'paused'
    source.problem = problemOf(
      new SinkBacklogError({
        sink: full.sink.name,
        pendingBytes: full.pendingBytes,
        limit: full.sink.maxPendingBytes,
        reason,
      }),
    )
    void this.#board.changed(this.#now())
    return true
  }

  due(): boolean {
    return this.#schedule.due(this.#now())
  }

  msUntilDue(mode: RunMode): number {
    return this.#schedule.msUntilDue(mode, this.#now())
  }

  isLast(mode: RunMode, goal: Positions | undefined): boolean {
    return this.#schedule.isLast(mode, goal, this.#now())
  }

  /** Begins an epoch of what has been gathered; resolves when another one can be begun. */
  async epoch(): Promise<void> {
    const now = this.#now()
    if (now < this.#ledger.clock - CLOCK_ALARM_MS && now < this.#schedule.epochStartedAt) {
      this.log(clockSetBack(this.#ledger.clock - now))
    }
    this.#schedule.epochStarts(now)
    this.#committer.epoch(this.#take(), now).catch((error: unknown) => {
      this.#failure ??= error
      this.#wake()
    })
    await this.#committer.room
  }

  /** The last epoch: everything gathered; open batches are closed, and with `drain` all windows fired. */
  async finish(drain: boolean): Promise<void> {
    if (drain) this.#board.source.state = 'draining'
    this.#reading.abort()
    await this.#committer.epoch(this.#take(), this.#now(), { drain, flush: true })
  }

  #take(): EpochInput {
    const number = ++this.#lastTaken
    this.#step('read', 'before', number)
    const input = this.reader.take()
    this.#step('read', 'after', number)
    return input
  }

  /** Resolves when every sink holds all that was committed for it. */
  async drained(): Promise<void> {
    // A sink that refuses rows makes dead letters: theirs is drained last.
    for (const publisher of this.#publishers) await publisher.drained()
  }

  /** Waits for something to happen, at most `ms`. */
  async waitForNews(ms: number): Promise<void> {
    if (!this.#hasNews) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#news = resolve
        timer = setTimeout(resolve, ms)
      })
      clearTimeout(timer)
      this.#news = undefined
    }
    this.#hasNews = false
    void this.#board.changed(this.#now())
  }

  /** The last word of the run, in the status file as well. */
  async end(state: PipelineState, problem?: StatusProblem): Promise<PipelineStatus> {
    await this.#committer.settled()
    await this.#acknowledging
    if (state !== 'failed') await this.#committer.forget()
    const { source } = this.#board
    source.state = state
    source.problem = problem
    // What a failed epoch had begun is not what stands in the state: then the last commit's figures stay.
    if (state !== 'failed') this.#refresh()
    const now = this.#now()
    // The file is a copy for onlookers: where it cannot be written, how the run ended is told all the same.
    await this.#board.changed(now, true).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      this.log({ level: 'warn', message: `status.json was not written: ${message}` })
    })
    return this.#board.status(now)
  }

  async close(): Promise<void> {
    this.#reading.abort()
    this.#closing.abort()
    await this.#committer.settled()
    await Promise.all(this.#publishers.map((publisher) => publisher.close()))
    await this.#acknowledging
    await this.reader.close()
    await removeSpoolFolder(this.#context.state.directory)
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }

  #step(step: EpochStep, when: 'before' | 'after', epoch: number): void {
    this.#options.observer?.step?.(step, when, epoch)
  }

  #wake(): void {
    this.#hasNews = true
    this.#news?.()
  }

  #publisherOf(queue: SinkQueue, createSink: () => Promise<Sink>): Publisher {
    const { source } = this.#board
    return new Publisher({
      queue,
      createSink,
      identity: { pipeline: this.#context.pipeline, incarnation: this.#context.incarnation },
      database: this.#options.reading,
      signal: this.#closing.signal,
      patience: this.#options.signal,
      onStep: (when) => this.#step('publish', when, this.#ledger.epoch),
      onPublished: (batch) => {
        const totals = this.#ledger.counts.sinks[queue.name]
        if (totals !== undefined) {
          totals.published += batch.rowCount
          totals.batches++
        }
        this.#acknowledge()
        this.#refresh()
        this.#wake()
      },
      onRejected: async (batch, error) => {
        const limit = this.#options.config.maxRejects
        const rejected = (this.#ledger.counts.sinks[queue.name]?.rejected ?? 0) + error.rows.length
        const reason = error.rows.at(-1)?.reason ?? ''
        if (rejected > limit)
          throw new TooManyRejectsError({ sink: queue.name, rejected, limit, reason }, { cause: error })
        await this.#committer.restage(queue, batch, error)
      },
      onProblem: (problem) => {
        source.problems[queue.name] = problem
        this.log(retryLine(`sink "${queue.name}"`, problem))
        void this.#board.changed(this.#now())
      },
      onFailure: (error) => {
        const { config } = this.#options
        this.#failure ??= withPlace(error, config, pathOfSink(config, queue.name))
        // Where the source does not answer, its retries must not hold this up.
        this.#reading.abort()
        this.#wake()
      },
    })
  }

  #sourceProblem(error: HeadraceError | undefined, attempts: number, waitMs: number): void {
    const { source } = this.#board
    const name = this.#options.config.source.name
    if (error === undefined) {
      if (source.problem?.code !== 'SOURCE_RETRYING') return
      source.problem = undefined
      this.log(retryLine(`source "${name}"`, undefined))
      return
    }
    source.problem = problemOf(new SourcePausedError({ source: name, reason: error.message, attempts }))
    this.log(retryLine(`source "${name}"`, { error, attempts, waitMs }))
    void this.#board.changed(this.#now())
  }

  /** `rows`: how many the commit holds for the sinks. */
  #committed(rows: number): void {
    if (rows > 0) this.#board.source.firstResultMs ??= this.#now() - this.#board.source.startedAt
    for (const publisher of this.#publishers) publisher.committed()
    this.#acknowledge()
    this.#refresh()
    void this.#board.changed(this.#now())
  }

  /** Tells the source how far every sink holds all; one call at a time, and its failure costs nothing. */
  #acknowledge(): void {
    this.#acknowledging = this.#acknowledging.then(async () => {
      const reached = this.#committer.acknowledgeable()
      if (reached === undefined || !this.reader.connected) return
      this.#step('acknowledge', 'before', reached.epoch)
      await this.reader.source.acknowledge(reached.positions).catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        this.log({ level: 'warn', message: `the source did not take the acknowledgement: ${message}` })
      })
      this.#step('acknowledge', 'after', reached.epoch)
    })
  }

  #refresh(): void {
    this.#board.refresh(this.#ledger, this.#context, this.#queues)
  }
}
