import type { PipelineStatus, SinkCounts, WindowCounts } from '@headrace/core'
import type { Colors } from './colors.ts'
import { formatBytes, formatCount, formatCounted, formatRate, formatTime } from './format.ts'

/** Sums over a pipeline's windowed steps; all zero where there is none. */
export interface WindowTotals {
  readonly accepted: number
  readonly late: number
  readonly filtered: number
  readonly open: number
  readonly windowsClosed: number
  readonly rowsOut: number
}

export function windowTotals(status: PipelineStatus): WindowTotals {
  const all = Object.values(status.windows)
  const sum = (pick: (counts: WindowCounts) => number) => all.reduce((total, counts) => total + pick(counts), 0)
  return {
    accepted: sum((counts) => counts.accepted),
    late: sum((counts) => counts.late + counts.lateBehindHorizon),
    filtered: sum((counts) => counts.filtered),
    open: sum((counts) => counts.open),
    windowsClosed: sum((counts) => counts.windowsClosed),
    rowsOut: sum((counts) => counts.rowsOut),
  }
}

/** How a running pipeline does, in a few lines for a terminal. */
export function renderStatusFrame(status: PipelineStatus, colors: Colors): string {
  const totals = windowTotals(status)
  const rows: [string, string][] = [
    ['records in', `${colors.bold(formatCount(status.records.read))}  ${formatRate(status.recordsPerSecond)}`],
    ['watermark', `${watermarkText(status)}  ${formatCounted(totals.windowsClosed, 'window')} closed`],
    ...Object.entries(status.sinks).map(([name, sink]): [string, string] => [name, sinkText(sink, colors)]),
    ['dead letters', `${formatCount(status.records.dead)}  ${formatCount(totals.late)} late`],
  ]
  if (status.records.skipped > 0) {
    rows.push(['skipped', colors.yellow(`${formatCount(status.records.skipped)}  gone before they were read`)])
  }
  if (status.problem !== undefined) {
    rows.push([status.state, colors.yellow(`${status.problem.code}  ${status.problem.message}`)])
  }
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `  ${colors.dim(name.padEnd(width))}  ${text}`).join('\n')
}

/** The same on one line, for logs. */
export function renderStatusLine(status: PipelineStatus): string {
  const totals = windowTotals(status)
  const parts = [
    `${formatCount(status.records.read)} records in (${formatRate(status.recordsPerSecond)})`,
    `watermark ${watermarkText(status)}`,
    `${formatCounted(totals.windowsClosed, 'window')} closed`,
    ...Object.entries(status.sinks).map(
      ([name, sink]) => `${name} ${formatCounted(sink.published, 'row')}${trouble(sink)}`,
    ),
    formatCounted(status.records.dead, 'dead letter'),
    `${formatCount(totals.late)} late`,
  ]
  if (status.records.skipped > 0) parts.push(`${formatCount(status.records.skipped)} skipped`)
  if (status.problem !== undefined) parts.push(`${status.state}: ${status.problem.code} ${status.problem.message}`)
  return parts.join(' · ')
}

/** A drained pipeline's watermark lies beyond all times. */
function watermarkText({ watermark, state }: PipelineStatus): string {
  if (state === 'finished' || state === 'draining' || watermark === Number.POSITIVE_INFINITY) return 'at the end'
  return watermark === null ? 'not yet known' : formatTime(watermark)
}

function sinkText(sink: SinkCounts, colors: Colors): string {
  const parts = [formatCounted(sink.published, 'row')]
  if (sink.rows > sink.published) parts.push(`${formatCount(sink.rows - sink.published)} waiting`)
  if (sink.pendingBytes > 0) parts.push(formatBytes(sink.pendingBytes))
  if (sink.rejected > 0) parts.push(`${formatCount(sink.rejected)} rejected`)
  if (sink.problem !== undefined) parts.push(colors.yellow(`retrying: ${sink.problem.code} ${sink.problem.message}`))
  return parts.join('  ')
}

function trouble(sink: SinkCounts): string {
  return sink.problem === undefined ? '' : ` (retrying: ${sink.problem.code})`
}
