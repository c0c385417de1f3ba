import type { PipelineStatus } from '@headrace/core'
import type { Colors } from './colors.ts'
import { formatCount, formatCounted, formatElapsed } from './format.ts'
import { windowTotals } from './status-view.ts'

/** Where the records of a pipeline with windows have gone; of one without, only `read` and `dead` are counted. */
export interface Accounts {
  readonly read: number
  readonly dead: number
  readonly filtered: number
  readonly late: number
  /** In windows that have closed, and in windows still open. */
  readonly aggregated: number
  readonly open: number
}

export function accountsOf(status: PipelineStatus): Accounts {
  const { accepted, open, late, filtered } = windowTotals(status)
  const { read, dead } = status.records
  return { read, dead, filtered, late, aggregated: accepted - open, open }
}

/** The outcome of a run for scripts. */
export function runDocument(status: PipelineStatus, elapsedMs: number) {
  return { elapsedMs: Math.round(elapsedMs), accounts: accountsOf(status), ...status }
}

/** The outcome of a run for a person. Counts are since the state was made, over all runs. */
export function renderRunSummary(status: PipelineStatus, elapsedMs: number, data: string, colors: Colors): string {
  const totals = windowTotals(status)
  const windowed = Object.keys(status.windows).length > 0
  const lines = [
    `${colors.bold(status.pipeline)} ${status.state} after ${formatElapsed(elapsedMs)}: ${formatCounted(status.records.read, 'record')} in so far`,
  ]
  if (windowed) {
    lines.push(
      `  windows       ${formatCount(totals.windowsClosed)} closed with ${formatCounted(totals.rowsOut, 'row')}; ${formatCounted(totals.open, 'record')} in open ones`,
    )
  }
  const { filtered, late } = totals
  const { dead } = status.records
  const unused = windowed ? `${formatCount(filtered)} filtered, ${formatCount(late)} late, ` : ''
  lines.push(`  left out      ${unused}${formatCount(dead)} rejected`)
  for (const [name, sink] of Object.entries(status.sinks)) {
    const waiting = sink.rows - sink.published - sink.rejected
    const parts = [formatCounted(sink.published, 'row')]
    if (waiting > 0) parts.push(`${formatCount(waiting)} committed and waiting`)
    if (sink.rejected > 0) parts.push(`${formatCount(sink.rejected)} refused`)
    if (sink.problem !== undefined) parts.push(colors.yellow(sink.problem.code))
    lines.push(`  ${name.padEnd(13)} ${parts.join(', ')}`)
  }
  if (dead + late > 0) {
    const where = data === '.headrace' ? '' : ` --data ${data}`
    lines.push(`  dead letters  ${colors.dim(`headrace dlq list ${status.pipeline}${where}`)}`)
  }
  return lines.join('\n')
}
