import type { CliContext } from '../context.ts'
import type { GroupReport } from '../kafka/admin/group-report.ts'
import type { PlannedReset } from '../kafka/admin/plan-reset.ts'
import { formatCount, formatCounted } from './format.ts'
import { renderTable } from './table.ts'

const right = (name: string) => ({ name, align: 'right' as const })
const numberText = (value: number | null) => (value === null ? null : formatCount(value))

/** A group for a person: a head line, its members, its partitions. */
export function renderGroup(report: GroupReport, { colors, stdout }: CliContext): string {
  const { group, type, state, assignor, coordinator, members, partitions } = report
  const options = { colors, width: stdout.columns }
  const head = [
    colors.bold(group),
    `${state}, ${type}${assignor === '' ? '' : ` (${assignor})`}`,
    formatCounted(members.length, 'member'),
    `lag ${formatCount(report.totalLag)}`,
    colors.dim(`coordinator ${coordinator}`),
  ].join('  ')
  const memberTable = renderTable(
    [{ name: 'member' }, { name: 'client' }, { name: 'host' }, right('partitions')],
    members.map((member) => [
      member.instanceId ?? member.memberId,
      member.clientId,
      member.host,
      member.partitions.length,
    ]),
    options,
  )
  const owners = new Map(members.map(({ memberId, instanceId }) => [memberId, instanceId ?? memberId]))
  const partitionTable = renderTable(
    [{ name: 'topic' }, right('partition'), right('committed'), right('end'), right('lag'), { name: 'member' }],
    partitions.map(({ topic, partition, committed, end, lag, memberId }) => [
      topic,
      partition,
      numberText(committed),
      numberText(end),
      numberText(lag),
      memberId === null ? '' : (owners.get(memberId) ?? memberId),
    ]),
    options,
  )
  return [head, ...(members.length === 0 ? [] : [memberTable, '']), partitionTable, ''].join('\n')
}

/** The offsets that were moved, or would be. */
export function renderReset(moves: readonly PlannedReset[], dryRun: boolean, { colors, stdout }: CliContext): string {
  const isNoted = moves.some(({ isClamped }) => isClamped)
  const table = renderTable(
    [{ name: 'topic' }, right('partition'), right('from'), right('to'), ...(isNoted ? [{ name: 'note' }] : [])],
    moves.map(({ topic, partition, from, to, isClamped }) => [
      topic,
      partition,
      numberText(from),
      formatCount(to),
      ...(isNoted ? [isClamped ? 'the nearest there is' : ''] : []),
    ]),
    { colors, width: stdout.columns },
  )
  const outcome = dryRun ? 'dry run: nothing was moved' : `${formatCounted(moves.length, 'partition')} moved`
  return `${table}\n${colors.dim(outcome)}`
}
