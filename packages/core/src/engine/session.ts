import { dirname, join } from 'node:path'
import { decoderFor, removeSpoolFolder, spoolFolder } from '../decode/index.ts'
import type { Database } from '../duckdb/index.ts'
import { type HeadraceError, sinkFolderFailure } from '../errors/index.ts'
import { type LogLine, type PipelinePlan, type Positions, type Sink, Watermarks } from '../model/index.ts'
import { sinkFactory, sinkStaging, sourceFactory } from './adapters.ts'
import { Committer } from './committer.ts'
import { DEAD_LETTERS, DeadLetterSink, deadLetterStaging } from './dead-letters.ts'
import { type EpochContext, prepareSession } from './epoch.ts'
import { PipelineChangedError, SinkBacklogError, SourcePausedError, TooManyRejectsError } from './errors.ts'
import { pathOfSink, pathOfSource, withPlace } from './failure-place.ts'
import { Ledger } from './ledger.ts'
import { makeFolder } from './make-folder.ts'
import type { EpochStep, RunMode, RunOptions } from './options.ts'
import { SinkQueue, type SinkStaging } from './outbox.ts'
import { outboxChange } from './outbox-changes.ts'
import { Publisher } from './publisher.ts'
import { Reader } from './reader.ts'
import { sweepStaged } from './staging.ts'
import type { Checkpoint, StateStore } from './state.ts'
import type { PipelineState, PipelineStatus, StatusProblem } from './status.ts'
import { problemOf, StatusBoard } from './status-board.ts'

/** A clock that goes back by more than this is told. */
const CLOCK_ALARM_MS = 60_000

export interface SessionOptions extends RunOptions {
  readonly plan: PipelinePlan
  readonly state: StateStore
  readonly reading: Database
  readonly directory: string
}

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
  /** Ends the background work; aborted when the session closes. */
  readonly #closing = new AbortController()
  readonly #reading = new AbortController()
  #news: (() => void) | undefined
  #hasNews = false
  #failure: unknown
  #epochStartedAt = Number.NEGATIVE_INFINITY
  #recordsSeenAt: number
  #acknowledging: Promise<void> = Promise.resolve()

  static async open(options: SessionOptions): Promise<Session> {
    const { config, plan, state, directory } = options
    const last = await state.load()
    await state.prepare(config.name, plan, last)
    const lakeDirectory = join(options.dataDirectory, 'lake')
    const setting = { ...options, lakeDirectory, log: (line: LogLine) => options.observer?.log?.(line) }
    const outbox = join(directory, 'outbox')
    const stagings = new Map<string, SinkStaging>(
      config.sinks.map((sink) => [sink.name, sinkStaging(setting, sink, outbox)]),
    )
    stagings.set(DEAD_LETTERS, deadLetterStaging(directory))
    const ledger = new Ledger(
      plan,
      config.sinks.map((sink) => sink.name),
      last,
    )
    const fragments = await state.fragments()
    const change = outboxChange(fragments, stagings)
    if (change !== undefined) throw new PipelineChangedError({ pipeline: config.name, what: change })
    const queues = [...stagings].map(([name, staging]) => {
      const own = fragments.filter((fragment) => fragment.sink === name)
      return new SinkQueue(name, staging, own, last?.sinks[name])
    })
    // Before anything is staged: what a life leaves behind is swept by the next one only under the same incarnation.
    if (last === undefined) {
      await state.transaction(() => state.writeCheckpoint(ledger.checkpoint(queues, undefined, new Map())))
    }
    for (const queue of queues) {
      const staged = queue.staging.directory
      try {
        await makeFolder(staged)
        await sweepStaged(staged, config.name, queue.name, ledger.incarnation, fragments)
      } catch (error) {
        throw withPlace(sinkFolderFailure(error, staged) ?? error, config, pathOfSink(config, queue.name))
      }
    }
    const eventTime = plan.input.eventTime
    const watermarks = eventTime === undefined ? undefined : restoreWatermarks(eventTime, last)
    await prepareSession({ state, plan })
    const spool = await spoolFolder(directory, config.trigger.maxBytes)
    const context: EpochContext = {
      pipeline: config.name,
      incarnation: ledger.incarnation,
      plan,
      state,
      decoder: decoderFor(config.source.decode),
      watermarks,
      targets: plan.sinks.map((sink) => ({ plan: sink, staging: stagings.get(sink.name) as SinkStaging })),
      deadLetters: stagings.get(DEAD_LETTERS) as SinkStaging,
      spoolFile: join(spool, 'epoch.ndjson'),
    }
    const factories = new Map<string, () => Promise<Sink>>(
      config.sinks.map((sink) => [sink.name, sinkFactory(setting, sink, plan)]),
    )
    factories.set(DEAD_LETTERS, async () => new DeadLetterSink(directory))
    return new Session(options, context, ledger, queues, factories, sourceFactory(setting, plan))
  }

  private constructor(
    options: SessionOptions,
    context: EpochContext,
    ledger: Ledger,
    queues: readonly SinkQueue[],
    factories: ReadonlyMap<string, () => Promise<Sink>>,
    createSource: ConstructorParameters<typeof Reader>[0]['createSource'],
  ) {
    this.#options = options
    this.#context = context
    this.#ledger = ledger
    this.#queues = queues
    const now = this.#now()
    this.#recordsSeenAt = now
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
      ledger,
      queues,
      step: (step, when, epoch) => this.#step(step, when, epoch),
      onCommitted: (rows) => this.#committed(rows),
    })
    const { trigger } = options.config
    options.signal.addEventListener('abort', () => this.#reading.abort(), { once: true })
    if (options.signal.aborted) this.#reading.abort()
    this.reader = new Reader({
      createSource,
      from: ledger.positions,
      maxRecords: trigger.maxRecords,
      maxBytes: trigger.maxBytes,
      signal: this.#reading.signal,
      onChange: () => this.#wake(),
      onProblem: (error, attempt, waitMs) => this.#sourceProblem(error, attempt, waitMs),
      explain: (error) => withPlace(error, options.config, pathOfSource(options.config)),
    })
    this.#publishers = queues.map((queue) => this.#publisherOf(queue, factories.get(queue.name) as () => Promise<Sink>))
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

  /** Whether an epoch should be made of what has been gathered. */
  due(): boolean {
    const now = this.#now()
    const { gathered, full } = this.reader
    if (full) return true
    const since = now - this.#epochStartedAt
    // Negative when the machine's clock was set back: nothing waits for it to catch up.
    if (since >= 0 && since < this.#options.config.trigger.intervalMs) return false
    return gathered.positions.size > 0 || this.#rollDue(now) || this.#becomesIdle()
  }

  /** How long there may be nothing to do, in ms: until the trigger, a batch's time, the idle time. */
  msUntilDue(mode: RunMode): number {
    const now = this.#now()
    const waits = [1000]
    const trigger = this.#epochStartedAt + this.#options.config.trigger.intervalMs - now
    if (this.reader.gathered.positions.size > 0) waits.push(trigger)
    for (const queue of this.#queues) if (queue.dueAt !== undefined) waits.push(Math.max(trigger, queue.dueAt - now))
    if (mode.kind === 'untilIdle') waits.push(this.#recordsSeenAt + mode.idleMs - now)
    return Math.max(1, Math.min(...waits))
  }

  /** Whether the mode's goal is reached, so that only the rest of what has been gathered is to be done. */
  async isLast(mode: RunMode, goal: Positions | undefined): Promise<boolean> {
    const { reader } = this
    if (reader.gathered.records > 0 || this.#now() < this.#recordsSeenAt) this.#recordsSeenAt = this.#now()
    if (reader.ended) return true
    if (mode.kind === 'untilIdle') {
      return (
        reader.gathered.records === 0 &&
        this.#now() - this.#recordsSeenAt >= mode.idleMs &&
        reader.gathered.atEnd.size > 0
      )
    }
    if (goal === undefined) return false
    for (const [partition, end] of goal) {
      const position = reader.positions.get(partition)
      if (reader.gathered.atEnd.has(partition)) continue
      if (position === undefined || (reader.source.distance?.(position, end) ?? 1) > 0) return false
    }
    return true
  }

  async epoch(): Promise<void> {
    const now = this.#now()
    if (now < this.#ledger.clock - CLOCK_ALARM_MS && now < this.#epochStartedAt) this.#tellClock(now)
    this.#epochStartedAt = now
    this.#step('read', 'before', this.#ledger.epoch + 1)
    const input = this.reader.take()
    if (input.records > 0) this.#recordsSeenAt = now
    this.#step('read', 'after', this.#ledger.epoch + 1)
    await this.#committer.epoch(input, now)
  }

  /** The last epoch: everything gathered; open batches are closed, and with `drain` all windows fired. */
  async finish(drain: boolean): Promise<void> {
    if (drain) this.#board.source.state = 'draining'
    this.#reading.abort()
    await this.#committer.epoch(this.reader.take(), this.#now(), { drain, flush: true })
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
    this.#refresh()
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
    await removeSpoolFolder(dirname(this.#context.spoolFile))
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

  #rollDue(now: number): boolean {
    return this.#queues.some((queue) => queue.dueAt !== undefined && queue.dueAt <= now)
  }

  /** Whether a partition has been at its end for the idle time, so that the watermark may move on without it. */
  #becomesIdle(): boolean {
    const timeout = this.#context.plan.input.eventTime?.idleTimeoutMs
    const { watermarks } = this.#context
    if (timeout === undefined || watermarks === undefined) return false
    const idle = new Set(watermarks.idlePartitions())
    return [...this.reader.gathered.atEnd].some(
      ([partition, { since, until }]) => until - since >= timeout && !idle.has(partition),
    )
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
        this.#tellRetry(`sink "${queue.name}"`, problem)
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
      this.#tellRetry(`source "${name}"`, undefined)
      return
    }
    source.problem = problemOf(new SourcePausedError({ source: name, reason: error.message, attempts }))
    this.#tellRetry(`source "${name}"`, { error, attempts, waitMs })
    void this.#board.changed(this.#now())
  }

  #tellClock(now: number): void {
    const behind = Math.round((this.#ledger.clock - now) / 1000)
    const message = `the machine's clock was set back by ${behind} s: files that close by time close when it has caught up`
    this.log({ level: 'warn', message })
  }

  /** Each failed attempt, the first one with its hint, and that it works again. */
  #tellRetry(
    who: string,
    problem: { readonly error: HeadraceError; readonly attempts: number; readonly waitMs: number } | undefined,
  ): void {
    if (problem === undefined) {
      this.log({ level: 'info', message: `${who} works again` })
      return
    }
    const { error, attempts, waitMs } = problem
    const { code, message, hint } = error
    const line = `${who}: ${message} (attempt ${attempts}; the next in ${(waitMs / 1000).toFixed(1)} s)`
    this.log({ level: 'warn', code, message: line, ...(attempts === 1 ? { hint } : {}) })
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
    const { source } = this.#board
    const { watermarks } = this.#context
    const clocks = watermarks?.snapshot() ?? {}
    source.epoch = this.#ledger.epoch
    source.watermark = finite(watermarks?.current())
    const delay = this.#context.plan.input.eventTime?.delayMs ?? 0
    source.partitions = Object.fromEntries(
      [...this.#ledger.positions].map(([partition, position]) => {
        const maxTime = clocks[partition]?.maxTime ?? null
        return [partition, { position, watermark: maxTime === null ? null : maxTime - delay }]
      }),
    )
    source.pending = Object.fromEntries(
      this.#queues.map((queue) => [queue.name, { batches: queue.pendingBatches, bytes: queue.pendingBytes }]),
    )
  }
}

function restoreWatermarks(
  eventTime: NonNullable<PipelinePlan['input']['eventTime']>,
  last: Checkpoint | undefined,
): Watermarks {
  const { delayMs, idleTimeoutMs } = eventTime
  const watermarks = new Watermarks({ delayMs, idleTimeoutMs, horizon: last?.horizon ?? null })
  for (const [partition, clock] of Object.entries(last?.clocks ?? {})) watermarks.assign(partition, clock)
  return watermarks
}

function finite(ms: number | undefined): number | null {
  return ms !== undefined && Number.isFinite(ms) ? ms : null
}
