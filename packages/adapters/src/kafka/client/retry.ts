import { setTimeout } from 'node:timers/promises'
import { ProtocolError } from './protocol-errors.ts'

const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 250
/** A coordinator that moves, loads or finishes the transaction before is back within this, or a new connection is due. */
const PATIENCE_MS = 15_000

/** Calls again while a broker answers that it cannot yet: coordinators load, move, and finish what was before. */
export async function untilReady<T>(call: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, 2 * waitMs)) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof ProtocolError) || !error.canRetry || Date.now() > deadline) throw error
      await setTimeout(waitMs)
    }
  }
}
