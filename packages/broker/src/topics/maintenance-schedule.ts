import type { TopicRegistry } from './topic-registry.ts'

/** Looks after every log now and then: what is too old goes, what can be compacted is. */
export class MaintenanceSchedule {
  readonly #topics: TopicRegistry
  readonly #intervalMs: number
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(topics: TopicRegistry, intervalMs: number, onError: (error: unknown) => void) {
    this.#topics = topics
    this.#intervalMs = intervalMs
    this.#onError = onError
    this.#arm()
  }

  /** Begins nothing more. What is under way ends with the logs. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#round
  }

  #arm(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#round = this.#maintainAll().finally(() => this.#arm())
    }, this.#intervalMs)
    this.#timer.unref()
  }

  // One log after the other: it is work for when there is nothing else to do.
  async #maintainAll(): Promise<void> {
    for (const { partitions } of this.#topics.list())
      for (const log of partitions) {
        if (this.#isClosed) return
        await log.maintain().catch(this.#onError)
      }
  }
}
