import { Command, Option } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { resetTargetArgument, type TopicPartitions, topicPartitionsArgument } from '../kafka/arguments.ts'
import { CONNECTION_HELP, withConnection } from '../kafka/connection/options.ts'
import { forEach } from '../kafka/each.ts'
import { withCluster } from '../kafka/with-cluster.ts'
import { jsonOption } from '../options.ts'
import { renderGroup, renderReset } from '../output/group.ts'
import { renderTable } from '../output/table.ts'

export function groupsCommand(context: CliContext) {
  const command = new Command('groups')
    .description('consumer groups of a Kafka cluster, or of the embedded broker')
    .addHelpText(
      'after',
      `
Examples:
  headrace groups list
  headrace groups describe reports                              members, offsets, lag
  headrace groups reset reports --to earliest --dry-run         what would be moved where
  headrace groups reset reports --to "15m ago" --topic trades:0,1
  headrace groups reset reports --to -100                       each partition 100 records back
  headrace groups delete reports
${CONNECTION_HELP}`,
    )
  for (const child of [list, describe, reset, remove]) command.addCommand(child(context))
  return command
}

function list(context: CliContext) {
  const command = new Command('list')
    .description('list groups')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (options) => {
    const { listAllGroups } = await import('../kafka/admin/groups.ts')
    const groups = await withCluster(options, context, listAllGroups)
    if (options.json === true) {
      context.stdout.write(`${JSON.stringify({ groups })}\n`)
      return
    }
    const table = renderTable(
      [{ name: 'group' }, { name: 'type' }, { name: 'state' }, { name: 'protocol' }],
      groups.map(({ group, type, state, protocol }) => [group, type ?? '', state ?? '', protocol]),
      { colors: context.colors, maxCellWidth: 200, width: context.stdout.columns },
    )
    context.stdout.write(`${table}\n`)
  })
}

function describe(context: CliContext) {
  const command = new Command('describe')
    .description(
      'show members, and for each partition what is committed, where it ends, and how far the group is behind',
    )
    .argument('<group...>', 'names')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (names, options) => {
    await withCluster(options, context, async (cluster) => {
      const { groupReport } = await import('../kafka/admin/group-report.ts')
      const described = await forEach(names, context, options.json === true, async (name) => {
        const report = await groupReport(cluster, name)
        if (options.json !== true) context.stdout.write(`${renderGroup(report, context)}\n`)
        return report
      })
      if (options.json === true) context.stdout.write(`${JSON.stringify({ groups: described })}\n`)
    })
  })
}

function reset(context: CliContext) {
  const command = new Command('reset')
    .description('move the offsets of a group that has no members; one that does not exist is made')
    .argument('<group>', 'its name')
    .addOption(
      new Option(
        '--to <where>',
        'earliest, latest, an offset, a shift (+100, -100), a time (2026-11-20T10:00:00Z), or "15m ago"',
      )
        .argParser(resetTargetArgument)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--topic <name[:partitions]>',
        'only this topic, or only these of its partitions (trades:0,2); as often as needed',
      )
        .argParser(topicPartitionsArgument)
        .default([] as readonly TopicPartitions[], 'all with offsets'),
    )
    .option('--dry-run', 'show what would be moved, and move nothing')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText(
      'after',
      `
An offset outside of what a partition holds becomes the nearest one inside.
${CONNECTION_HELP}`,
    )
  return withConnection(command).action(async (group, options) => {
    const dryRun = options.dryRun === true
    const moves = await withCluster(options, context, async (cluster) => {
      const { resetGroup } = await import('../kafka/admin/reset-group.ts')
      return await resetGroup(cluster, { group, target: options.to, topics: options.topic, dryRun })
    })
    const text =
      options.json === true ? JSON.stringify({ group, dryRun, partitions: moves }) : renderReset(moves, dryRun, context)
    context.stdout.write(`${text}\n`)
  })
}

function remove(context: CliContext) {
  const command = new Command('delete')
    .description('delete groups that have no members, with their offsets')
    .argument('<group...>', 'names')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (names, options) => {
    await withCluster(options, context, async (cluster) => {
      const { deleteGroup } = await import('../kafka/admin/groups.ts')
      const deleted = await forEach(names, context, options.json === true, async (group) => {
        await deleteGroup(cluster, group)
        if (options.json !== true) context.stdout.write(`group "${group}" deleted\n`)
        return group
      })
      if (options.json === true) context.stdout.write(`${JSON.stringify({ deleted })}\n`)
    })
  })
}
