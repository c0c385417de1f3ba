/** Keeps to a rate without drifting: what is due follows from the time since the start, not from sleeping exactly. */
export class Pace {
  readonly #perMs: number
  readonly #startMs: number
  #taken = 0

  /** Small waits keep the stream even; shorter ones only cost wake-ups. */
  static readonly TICK_MS = 20

  /** @param perSecond records a second, above 0; @param startMs any monotonic clock. */
  constructor(perSecond: number, startMs: number) {
    this.#perMs = perSecond / 1000
    this.#startMs = startMs
  }

  /** How many may be sent now, by the clock of the constructor. The first is due at once. */
  due(nowMs: number): number {
    return Math.max(0, Math.floor((nowMs - this.#startMs) * this.#perMs) + 1 - this.#taken)
  }

  took(count: number): void {
    this.#taken += count
  }

  /** How long nothing is due (ms), at least one tick. */
  waitMs(nowMs: number): number {
    const nextAt = this.#startMs + this.#taken / this.#perMs
    return Math.max(Pace.TICK_MS, Math.ceil(nextAt - nowMs))
  }
}
