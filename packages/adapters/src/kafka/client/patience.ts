/** A broker that has gone, while others answer, is waited for in place so long (ms): longer than a cluster takes to move what it led. */
export const BROKER_AWAY_MS = 60_000

/** Where no broker answers at all, nothing is gained by waiting in place; a single one that is started again is back within this. */
export const CLUSTER_AWAY_MS = 5_000

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
/** The first failure is told, and those after which the pause is as long as this. */
const TOLD_PAUSE_MS = 800

export interface Pause {
  readonly ms: number
  readonly isWorthTelling: boolean
}

/** Waiting for what comes back by itself: longer from one failure to the next, and not for ever. */
export class Patience {
  #failures = 0
  #since = 0

  /** How many attempts in a row have failed. */
  get failures(): number {
    return this.#failures
  }

  /** How long to wait before the next attempt; undefined when attempts have failed for longer than the limit. */
  failed(limitMs: number, now = Date.now()): Pause | undefined {
    if (this.#failures === 0) this.#since = now
    this.#failures++
    if (now - this.#since > limitMs) return undefined
    const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 16))
    return { ms, isWorthTelling: this.#failures === 1 || ms >= TOLD_PAUSE_MS }
  }

  worked(): void {
    this.#failures = 0
  }
}
