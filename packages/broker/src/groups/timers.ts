/** Calls things later. Tests put a clock of their own in its place. */
export interface Timers {
  /** Calls `action` once after `ms` milliseconds, unless the timer is cancelled first. */
  after(ms: number, action: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** The machine's clock. Its timers do not keep the process alive. */
export const realTimers: Timers = {
  after(ms, action) {
    const timeout = setTimeout(action, ms)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
}
