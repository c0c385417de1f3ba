import type { PipelineStatus } from '@headrace/core'
import type { SentSummary } from '../generator/summary.ts'
import { MALFORMED_KINDS } from '../generator/trade-plan.ts'
import type { Colors } from '../output/colors.ts'
import { renderLetter } from '../output/dead-letter.ts'
import { formatCount, formatCounted, formatElapsed, formatRate } from '../output/format.ts'
import type { DevServices } from '../services/index.ts'
import type { DeadLetterReport } from './check.ts'
import type { Comparison } from './compare.ts'
import type { Recount } from './recount.ts'
import type { Verdict } from './verdict.ts'

export function sayBeginning(folder: string, file: string, colors: Colors): string {
  return `${colors.bold('Headrace')}: trade orders in over Kafka, one-minute windows out, by ${file}\n${colors.dim(`data in ${folder}`)}\n`
}

export function sayServices({ broker, postgres }: DevServices): string {
  return `a Kafka broker at ${broker.bootstrap} and PostgreSQL at ${postgres?.host}:${postgres?.port}`
}

export function sayBacklog({ records, recordsPerSecond, kinds, seed }: SentSummary): string {
  const malformed = MALFORMED_KINDS.reduce((sum, kind) => sum + kinds[kind], 0)
  return (
    `${formatCount(records)} trade orders sent with kafkajs (${formatRate(recordsPerSecond)}), seed ${seed}: ` +
    `${formatCount(malformed)} malformed, ${formatCount(kinds.late)} late, ${formatCount(kinds.duplicate)} sent twice`
  )
}

export function sayPipeline(status: PipelineStatus, file: string): string {
  const first = status.firstResultMs === null ? '' : `, first result after ${formatElapsed(status.firstResultMs)}`
  return `${file} ${status.state === 'finished' ? 'drained' : 'has read it all'}${first}`
}

export function sayRecount({ totals }: Recount): string {
  return `recounted by hand: ${formatCount(totals.read)} records read again with kafkajs, JSON.parse and a Map`
}

/** Where every record has gone, and whether the sinks hold what the recount gives. */
export function sayVerdict(verdict: Verdict, colors: Colors): string {
  const { read, aggregated, filtered, late, dead, open } = verdict.accounts
  const sum = [
    `${formatCount(aggregated)} aggregated`,
    `${formatCount(filtered)} filtered`,
    `${formatCount(late)} late`,
    `${formatCount(dead)} dead`,
    `${formatCount(open)} still open`,
  ].join(' + ')
  const accountsRight = verdict.accountsAddUp && verdict.accountsAgree
  return [
    ...Object.entries(verdict.comparisons).map(([name, comparison]) => sayComparison(name, comparison, colors)),
    `${mark(accountsRight, colors)} ${formatCount(read)} records in = ${sum}${accountsRight ? '' : colors.red('  the recount disagrees')}`,
  ].join('\n')
}

function sayComparison(name: string, comparison: Comparison, colors: Colors): string {
  const { agrees, rows, missing, unexpected, different, examples } = comparison
  if (agrees)
    return `${mark(true, colors)} ${name} agrees with the recount: all ${formatCounted(rows, 'row')} are the same`
  return [
    `${mark(false, colors)} ${name} disagrees: ${missing} missing, ${unexpected} unexpected, ${different} different`,
    ...examples.map((example) => `    ${example}`),
  ].join('\n')
}

export function sayDeadLetters({ reasons, examples }: DeadLetterReport, colors: Colors): string {
  const total = reasons.reduce((sum, { count }) => sum + count, 0)
  const width = Math.max(0, ...reasons.map(({ count }) => formatCount(count).length))
  return [
    `\n${colors.bold(formatCounted(total, 'dead letter'))}, kept with their bytes and the reason:`,
    ...reasons.map(
      ({ count, code, step }) => `  ${formatCount(count).padStart(width)}  ${code}  ${colors.dim(`at ${step}`)}`,
    ),
    ...examples.slice(0, 1).map((letter) => `\n${renderLetter(letter, colors).replace(/^/gm, '  ')}`),
  ].join('\n')
}

function mark(right: boolean, colors: Colors): string {
  return right ? colors.green('✓') : colors.red('✗')
}
