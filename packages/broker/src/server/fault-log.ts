import { ClientFault } from './client-fault.ts'

/** Of faults with the same reason, one is told in so long. */
const QUIET_MS = 60_000

interface Heard {
  toldAt: number
  untold: number
}

/** Tells of faults without letting a client that repeats them fill the log: what is not told is counted and added to the next. */
export class FaultLog {
  readonly #tell: (error: unknown) => void
  readonly #now: () => number
  readonly #heard = new Map<string, Heard>()

  /** `now` is in ms, of any clock that only goes forward. */
  constructor(tell: (error: unknown) => void, now: () => number = () => performance.now()) {
    this.#tell = tell
    this.#now = now
  }

  report(error: unknown): void {
    // What is not a client's fault is rare, and never kept back.
    if (!(error instanceof ClientFault)) {
      this.#tell(error)
      return
    }
    const heard = this.#heard.get(error.reason)
    const now = this.#now()
    if (heard !== undefined && now - heard.toldAt < QUIET_MS) {
      heard.untold++
      return
    }
    const more = heard?.untold ?? 0
    this.#heard.set(error.reason, { toldAt: now, untold: 0 })
    const { reason, message } = error
    this.#tell(more === 0 ? error : new ClientFault(reason, `${message} (and ${more} more like it)`, { cause: error }))
  }
}
