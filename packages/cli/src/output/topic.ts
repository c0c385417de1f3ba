import type { CliContext } from '../context.ts'
import type { TopicDescription } from '../kafka/admin/describe-topic.ts'
import { formatBytes, formatCount, formatCounted } from './format.ts'
import { renderTable } from './table.ts'

/** A topic for a person: a head line, its partitions, its configs. */
export function renderTopic(topic: TopicDescription, { colors, stdout }: CliContext): string {
  const { layout, configs } = topic
  const held = layout.map(({ firstOffset, endOffset }) => (endOffset ?? 0) - (firstOffset ?? 0))
  const sizes = layout.map(({ sizeBytes }) => sizeBytes)
  const hasSizes = sizes.some((size) => size !== null)
  const head = [
    colors.bold(topic.topic),
    formatCounted(topic.partitions, 'partition'),
    `replication factor ${topic.replicationFactor}`,
    // Compaction and transactions leave gaps: offsets are an upper limit of the records.
    `${formatCounted(
      held.reduce((sum, count) => sum + count, 0),
      'offset',
    )} held`,
    ...(hasSizes ? [formatBytes(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0))] : []),
    ...(topic.id === null ? [] : [colors.dim(`id ${topic.id}`)]),
  ].join('  ')
  const options = { colors, width: stdout.columns }
  const right = (name: string) => ({ name, align: 'right' as const })
  const partitions = renderTable(
    [
      right('partition'),
      right('leader'),
      { name: 'replicas' },
      { name: 'in sync' },
      right('first offset'),
      right('end offset'),
      ...(hasSizes ? [right('size')] : []),
    ],
    layout.map((one) => [
      one.partition,
      one.leader < 0 ? 'none' : one.leader,
      one.replicas.join(','),
      one.inSync.join(','),
      one.firstOffset === null ? null : formatCount(one.firstOffset),
      one.endOffset === null ? null : formatCount(one.endOffset),
      ...(hasSizes ? [one.sizeBytes === null ? null : formatBytes(one.sizeBytes)] : []),
    ]),
    options,
  )
  if (configs.length === 0) return `${head}\n${partitions}\n${colors.dim('all configs are at their defaults')}\n`
  const table = renderTable(
    [{ name: 'config' }, { name: 'value' }],
    configs.map(({ name, value }) => [name, value]),
    { ...options, maxCellWidth: 200 },
  )
  return `${head}\n${partitions}\n\n${table}\n`
}
