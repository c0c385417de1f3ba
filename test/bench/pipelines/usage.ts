export interface Usage {
  readonly wallMs: number
  /** User and system time of this process since then. */
  readonly cpuSeconds: number
  /** The process's peak, from its start. */
  readonly peakRssMb: number
}

/** Starts measuring this process; the result gives what was used since. */
export function usageSince(): () => Usage {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return {
      wallMs: Math.round(performance.now() - startedAt),
      cpuSeconds: (user + system) / 1e6,
      peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    }
  }
}
