import type { Timer, Timers } from '../timers.ts'

/** How long a rebalance waits for members to join. */
export class JoinPhase {
  readonly #timers: Timers
  readonly #onTimeUp: () => void
  #timer: Timer | undefined
  /** While a group that was empty waits for more to come: whether anybody has since it last began to. */
  #delay: { hasNewMember: boolean } | undefined

  constructor(timers: Timers, onTimeUp: () => void) {
    this.#timers = timers
    this.#onTimeUp = onTimeUp
  }

  /** Whether the generation is not to begin yet, though all who are known have joined. */
  get isDelayed(): boolean {
    return this.#delay !== undefined
  }

  memberCame(): void {
    if (this.#delay !== undefined) this.#delay.hasNewMember = true
  }

  /** The first generation of a group waits for more to come, anew whenever somebody has, for `longestMs` in all. */
  awaitMore(delayMs: number, longestMs: number): void {
    const delay = { hasNewMember: false }
    const remainingMs = Math.max(0, longestMs - delayMs)
    this.#delay = delay
    this.#timer = this.#timers.after(delayMs, () => {
      this.#delay = undefined
      if (delay.hasNewMember && remainingMs > 0) this.awaitMore(delayMs, remainingMs)
      else this.#onTimeUp()
    })
  }

  /** Members that are known have so long to join again. */
  awaitKnown(withinMs: number): void {
    this.end()
    this.#timer = this.#timers.after(withinMs, this.#onTimeUp)
  }

  end(): void {
    this.#timer?.cancel()
  }
}
