import type { HeadraceError } from '../errors/index.ts'
import type { LogLine } from '../model/index.ts'

/** A failed attempt, the first one with its hint; undefined: that it works again. */
export function retryLine(
  who: string,
  problem: { readonly error: HeadraceError; readonly attempts: number; readonly waitMs: number } | undefined,
): LogLine {
  if (problem === undefined) return { level: 'info', message: `${who} works again` }
  const { error, attempts, waitMs } = problem
  const { code, hint } = error
  const message = `${who}: ${error.message} (attempt ${attempts}; the next in ${(waitMs / 1000).toFixed(1)} s)`
  return { level: 'warn', code, message, ...(attempts === 1 ? { hint } : {}) }
}

/** `behindMs`: how far the machine's clock lies behind the epochs'. */
export function clockSetBack(behindMs: number): LogLine {
  const seconds = Math.round(behindMs / 1000)
  const message = `the machine's clock was set back by ${seconds} s: files that close by time close when it has caught up`
  return { level: 'warn', message }
}
