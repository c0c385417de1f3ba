import { setTimeout as delay } from 'node:timers/promises'

const FIRST_MS = 200
const LONGEST_MS = 10_000

/** How long to wait before attempt `attempt` + 1 (from 1): doubling, at most 10 s, with up to a quarter of jitter. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 16))
  return Math.round(base * (0.75 + random() * 0.25))
}

/** Waits, or returns at once when the signal is aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await delay(ms, undefined, { signal, ref: true }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
