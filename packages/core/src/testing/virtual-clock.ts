/** A clock that stands still until a test moves it. Times are ms since the Unix epoch. */
export class VirtualClock {
  #now: number

  constructor(start: number | string = '2026-11-20T10:00:00Z') {
    this.#now = timeOf(start)
  }

  /** Bound, so that it can be handed on as `now: clock.now`. */
  readonly now = (): number => this.#now

  /** Moves on by `ms` and gives the new time. */
  advance(ms: number): number {
    if (!(ms >= 0)) throw new RangeError(`a clock advances by 0 ms or more, not ${ms}; use set() to move it back`)
    return (this.#now += ms)
  }

  /** Moves to a time, backwards too. */
  set(time: number | string): void {
    this.#now = timeOf(time)
  }
}

function timeOf(time: number | string): number {
  const ms = typeof time === 'number' ? time : Date.parse(time)
  if (!Number.isFinite(ms)) throw new RangeError(`"${time}" is not a time`)
  return ms
}
