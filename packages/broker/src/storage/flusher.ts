/** Something whose last writes may still be in the operating system's memory. */
export interface Flushable {
  /** Waits until what was written is on the disk. Where that fails, it tells of it itself. */
  flush(): Promise<void>
}

/**
 * When written data is forced to the disk. `interval`: at most `ms` milliseconds after it was written; a crash of the machine (not of the
 * process) may lose that much. `always`: before it is acknowledged.
 */
export type FsyncPolicy = { readonly mode: 'interval'; readonly ms: number } | { readonly mode: 'always' }

/** Flushes what has been written every so often. Its timer runs only while something is waiting, so an idle broker sleeps. */
export class IntervalFlusher {
  /** Told of failures that nobody waits for. */
  readonly onError: (error: unknown) => void
  readonly #intervalMs: number
  readonly #dirty = new Set<Flushable>()
  #timer: NodeJS.Timeout | undefined

  constructor(intervalMs: number, onError: (error: unknown) => void) {
    this.#intervalMs = intervalMs
    this.onError = onError
  }

  /** Notes that `target` has been written to. */
  wrote(target: Flushable): void {
    this.#dirty.add(target)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.flush().catch(this.onError)
    }, this.#intervalMs)
  }

  forget(target: Flushable): void {
    this.#dirty.delete(target)
  }

  async flush(): Promise<void> {
    const targets = [...this.#dirty]
    this.#dirty.clear()
    await Promise.allSettled(targets.map((target) => target.flush()))
  }

  /** Flushes what waits, and stops. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.flush()
  }
}
