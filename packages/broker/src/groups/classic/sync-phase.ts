import type { Timer, Timers } from '../timers.ts'

/** How long members that have had their generation may take to ask for their assignment. */
export class SyncPhase {
  readonly #timers: Timers
  readonly #missing = new Set<string>()
  #timer: Timer | undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** `onTimeUp` is told whose members have not asked by then. */
  begin(memberIds: readonly string[], withinMs: number, onTimeUp: (missing: ReadonlySet<string>) => void): void {
    for (const id of memberIds) this.#missing.add(id)
    this.#timer = this.#timers.after(withinMs, () => onTimeUp(new Set(this.#missing)))
  }

  hasAsked(memberId: string): void {
    this.#missing.delete(memberId)
    if (this.#missing.size === 0) this.#timer?.cancel()
  }

  left(memberId: string): void {
    this.#missing.delete(memberId)
  }

  renamed(from: string, to: string): void {
    if (this.#missing.delete(from)) this.#missing.add(to)
  }

  end(): void {
    this.#timer?.cancel()
    this.#missing.clear()
  }
}
