import { setTimeout } from 'node:timers/promises'
import { CONCURRENT_TRANSACTIONS, ProtocolError } from './protocol-errors.ts'

const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 250
/** The markers of the transaction before are written at any moment, and records wait for this one. */
const LONGEST_WAIT_FOR_MARKERS_MS = 10
/** A coordinator that moves, loads or finishes the transaction before is back within this, or a new connection is due. */
const PATIENCE_MS = 15_000

/** Calls again while a broker answers that it cannot yet: coordinators load, move, and finish what was before. */
export async function untilReady<T>(call: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (let waitMs = FIRST_WAIT_MS; ; waitMs *= 2) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof ProtocolError) || !error.canRetry || Date.now() > deadline) throw error
      const longest = error.apiCode === CONCURRENT_TRANSACTIONS ? LONGEST_WAIT_FOR_MARKERS_MS : LONGEST_WAIT_MS
      await setTimeout(Math.min(waitMs, longest))
    }
  }
}
