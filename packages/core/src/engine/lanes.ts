import { availableParallelism } from 'node:os'
import { type EpochContext, prepareSession } from './epoch.ts'

/** Epochs that are under way at a time: one is committed while the next is decoded. */
const LANES = 2

/**
 * How many threads DuckDB is given for `cores`. The lanes' statements run beside one another, and the thread that issued a
 * statement spins while others finish the last pieces of it: with as many threads as cores it takes their time.
 */
export function threadsFor(cores: number = availableParallelism()): number {
  return Math.max(1, Math.ceil(cores / LANES))
}

/** Connections with input tables and spool files of their own: decoding one epoch must not touch the one being committed. */
export function openLanes(context: EpochContext): Promise<EpochContext[]> {
  return Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      const state = await context.state.lane()
      await prepareSession({ state, plan: context.plan })
      return { ...context, state, spoolFile: `${context.spoolFile}.${lane}` }
    }),
  )
}
