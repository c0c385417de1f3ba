/** Knows the time and calls things later. Tests put a clock of their own in its place. */
export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `action` once after `ms` milliseconds, unless the timer is cancelled first. */
  after(ms: number, action: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** The machine's clock. Its timers do not keep the process alive. */
export const realTimers: Timers = {
  now: Date.now,
  after(ms, action) {
    const timeout = setTimeout(action, ms)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
}
