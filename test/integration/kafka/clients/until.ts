import { setTimeout } from 'node:timers/promises'

const PATIENCE_MS = 60_000

/** Waits for a state that others bring about. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await setTimeout(20)
  }
}
