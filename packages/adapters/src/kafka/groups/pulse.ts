import { setTimeout as sleep } from 'node:timers/promises'

/** The rest between two heartbeats, which can be cut short. */
export class Pulse {
  #resting = new AbortController()
  #isHurried = false

  /** Ends the rest, or the next one where there is none. */
  hurry(): void {
    this.#isHurried = true
    this.#resting.abort()
  }

  /** Resolves after so long, when hurried, or when aborted. */
  async rest(ms: number, signal: AbortSignal): Promise<void> {
    this.#resting = new AbortController()
    if (!this.#isHurried) {
      await sleep(ms, undefined, { signal: AbortSignal.any([signal, this.#resting.signal]) }).catch(() => undefined)
    }
    this.#isHurried = false
  }
}
