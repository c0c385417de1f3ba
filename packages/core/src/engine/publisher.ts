import type { Database } from '../duckdb/index.ts'
import { HeadraceError, RowsRejectedError, SinkAheadError } from '../errors/index.ts'
import type { Batch, Sink } from '../model/index.ts'
import { backoffMs, sleep } from './backoff.ts'
import type { SinkQueue } from './outbox.ts'

export interface PublisherOptions {
  readonly queue: SinkQueue
  readonly createSink: () => Promise<Sink>
  readonly identity: { readonly pipeline: string; readonly incarnation: string }
  /** Reads staged files; not the state's. */
  readonly database: Database
  readonly signal: AbortSignal
  /** Aborted: what cannot be published at once waits for the next run. */
  readonly patience: AbortSignal
  /** Around each publication. */
  readonly onStep: (when: 'before' | 'after') => void
  readonly onPublished: (batch: Batch) => void
  /** The target refuses rows: stage the batch again without them, in a transaction of the state. */
  readonly onRejected: (batch: Batch, error: RowsRejectedError) => Promise<void>
  readonly onProblem: (problem: PublishProblem | undefined) => void
  /** Something that waiting does not mend: the run ends. */
  readonly onFailure: (error: unknown) => void
}

export interface PublishProblem {
  readonly error: HeadraceError
  readonly attempts: number
  readonly waitMs: number
  readonly nextAttemptAt: number
}

/** Publishes one sink's closed batches in order, on its own, for as long as the run lasts. */
export class Publisher {
  readonly #options: PublisherOptions
  #sink: Sink | undefined
  #wake: (() => void) | undefined
  #idle: (() => void)[] = []
  #work: Promise<void> = Promise.resolve()
  #stopped = false
  #news = false
  #givenUp = false

  constructor(options: PublisherOptions) {
    this.#options = options
    options.signal.addEventListener('abort', () => this.#wake?.(), { once: true })
  }

  get queue(): SinkQueue {
    return this.#options.queue
  }

  start(): void {
    this.#work = this.#run()
  }

  /** A commit has closed batches or staged fragments. */
  committed(): void {
    this.#news = true
    this.#wake?.()
  }

  /** Resolves once no closed batch waits, or the publisher has stopped. */
  drained(): Promise<void> {
    if (this.#stopped || this.queue.next() === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** After the signal was aborted: waits for the publication under way and closes the sink. */
  async close(): Promise<void> {
    await this.#work
    await this.#disconnect()
  }

  async #run(): Promise<void> {
    const { signal, onFailure } = this.#options
    try {
      // At once, so that what is wrong with a target is found before any record is read for it.
      await this.#retrying(async () => void (await this.#connected()))
      while (!signal.aborted && !this.#givenUp) {
        await this.#publishClosed()
        if (this.queue.next() === undefined) this.#settle()
        await this.#untilCommit()
      }
    } catch (error) {
      if (!signal.aborted) onFailure(error)
    }
    this.#stopped = true
    this.#settle()
  }

  async #untilCommit(): Promise<void> {
    if (!this.#news && !this.#givenUp && !this.#options.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    this.#news = false
  }

  async #publishClosed(): Promise<void> {
    const { queue, signal } = this.#options
    do {
      await this.#retrying(async () => {
        await this.#showPending()
        if (queue.next() !== undefined) await this.#publishNext()
      })
    } while (queue.next() !== undefined && !this.#givenUp && !signal.aborted)
  }

  /** Tries until it works, waiting longer each time, as long as the error says that waiting may help. */
  async #retrying(work: () => Promise<void>): Promise<void> {
    const { signal, patience, onProblem } = this.#options
    const either = AbortSignal.any([signal, patience])
    for (let attempts = 1; !this.#givenUp; attempts++) {
      try {
        await work()
        if (attempts > 1) onProblem(undefined)
        return
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof HeadraceError) || error.retry !== 'backoff') throw error
        const waitMs = backoffMs(attempts)
        onProblem({ error, attempts, waitMs, nextAttemptAt: Date.now() + waitMs })
        await this.#disconnect()
        await sleep(waitMs, either)
        if (either.aborted) this.#givenUp = true
      }
    }
  }

  async #publishNext(): Promise<void> {
    const { queue, identity, database, signal, onStep, onPublished, onRejected } = this.#options
    const queued = queue.next()
    if (queued === undefined) return
    const batch = queue.batch(queued, identity, database)
    const sink = await this.#connected()
    onStep('before')
    queue.trying()
    try {
      await sink.publish(batch, signal)
    } catch (error) {
      if (error instanceof RowsRejectedError) return await onRejected(batch, error)
      // A crash came between publishing several batches and the commit that forgets them: the target is right to be ahead.
      const found = error instanceof SinkAheadError ? Number(error.details.found) : Number.NaN
      if (batch.untried || !(found <= queue.triedUpTo)) throw error
    }
    onStep('after')
    queue.published()
    onPublished(batch)
  }

  /** Lets a sink that can show rows early know what waits. */
  async #showPending(): Promise<void> {
    const { queue, identity, database } = this.#options
    const sink = this.#sink ?? (queue.pendingBatches > 0 ? await this.#connected() : undefined)
    await sink?.pending?.(queue.pending(identity, database))
  }

  async #connected(): Promise<Sink> {
    if (this.#sink !== undefined) return this.#sink
    const sink = await this.#options.createSink()
    try {
      await sink.connect(this.#options.signal)
    } catch (error) {
      await sink.close()
      throw error
    }
    this.#sink = sink
    return sink
  }

  async #disconnect(): Promise<void> {
    const sink = this.#sink
    this.#sink = undefined
    // What it was given is published, or will be again: how its connection ends makes no difference.
    await sink?.close().catch(() => undefined)
  }

  #settle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
