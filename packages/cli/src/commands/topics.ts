import { Command, Option } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { CONNECTION_HELP, withConnection } from '../kafka/connection/options.ts'
import { forEach } from '../kafka/each.ts'
import { AlterNothingError, TopicExistsError } from '../kafka/errors.ts'
import { withCluster } from '../kafka/with-cluster.ts'
import { countArgument, jsonOption, namedValuesOption } from '../options.ts'
import { formatCount, formatCounted } from '../output/format.ts'
import { renderTable } from '../output/table.ts'
import { renderTopic } from '../output/topic.ts'

export function topicsCommand(context: CliContext) {
  const command = new Command('topics').description('topics of a Kafka cluster, or of the embedded broker').addHelpText(
    'after',
    `
Examples:
  headrace topics create trades --partitions 4 --config retention.ms=604800000
  headrace topics list --bootstrap kafka-1:9092,kafka-2:9092
  headrace topics describe trades --json
  headrace topics alter trades --partitions 8 --delete-config retention.ms
  headrace topics delete trades
${CONNECTION_HELP}`,
  )
  for (const child of [create, list, describe, alter, remove]) command.addCommand(child(context))
  return command
}

function create(context: CliContext) {
  const command = new Command('create')
    .description('make topics')
    .argument('<topic...>', 'names')
    .option('--partitions <n>', 'how many (default: as the cluster is set up)', countArgument)
    .option('--replication-factor <n>', 'copies of each (default: as the cluster is set up)', countArgument)
    .addOption(
      namedValuesOption('--config <name=value>', 'a config such as cleanup.policy=compact; as often as needed'),
    )
    .option('--if-not-exists', 'a topic that is there already is left as it is')
    .option('--dry-run', 'only ask whether it could be done')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (names, options) => {
    const dryRun = options.dryRun === true
    const { partitions, replicationFactor, config: configs } = options
    await withCluster(options, context, async (cluster) => {
      const { createTopic } = await import('../kafka/admin/topics.ts')
      const created = await forEach(names, context, options.json === true, async (topic) => {
        const wanted = { partitions, replicationFactor, configs, dryRun }
        try {
          const replicas = await createTopic(cluster, topic, wanted)
          if (options.json !== true) {
            context.stdout.write(`topic "${topic}" ${dryRun ? 'could be created (dry run)' : 'created'}\n`)
            tellReplicas(topic, replicationFactor, replicas, context)
          }
          return { topic, created: !dryRun }
        } catch (error) {
          if (options.ifNotExists !== true || !(error instanceof TopicExistsError)) throw error
          if (options.json !== true) context.stdout.write(`topic "${topic}" is there already\n`)
          return { topic, created: false }
        }
      })
      if (options.json === true) context.stdout.write(`${JSON.stringify({ dryRun, topics: created })}\n`)
    })
  })
}

/** The embedded broker takes any replication factor, and keeps one replica. */
function tellReplicas(topic: string, wanted = 0, got = wanted, { stderr }: CliContext): void {
  if (wanted > 0 && got !== wanted)
    stderr.write(`topic "${topic}" has ${formatCounted(got, 'replica')}, not ${wanted}: the cluster gives no more\n`)
}

function list(context: CliContext) {
  const command = new Command('list')
    .description('list topics')
    .option('--internal', 'those that Kafka keeps for itself too')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (options) => {
    const { listTopics } = await import('../kafka/admin/topics.ts')
    const topics = await withCluster(options, context, (cluster) => listTopics(cluster, options.internal === true))
    if (options.json === true) {
      context.stdout.write(`${JSON.stringify({ topics })}\n`)
      return
    }
    const table = renderTable(
      [{ name: 'topic' }, { name: 'partitions', align: 'right' }, { name: 'replicas', align: 'right' }],
      topics.map(({ topic, partitions, replicationFactor }) => [topic, formatCount(partitions), replicationFactor]),
      { colors: context.colors, maxCellWidth: 249, width: context.stdout.columns },
    )
    context.stdout.write(`${table}\n`)
  })
}

function describe(context: CliContext) {
  const command = new Command('describe')
    .description('show partitions, offsets, sizes, and the configs that differ from the defaults')
    .argument('<topic...>', 'names')
    .option('--all-configs', 'the configs that are at their defaults too')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (names, options) => {
    await withCluster(options, context, async (cluster) => {
      const { describeTopic } = await import('../kafka/admin/describe-topic.ts')
      const wanted = options.allConfigs === true
      const described = await forEach(names, context, options.json === true, async (name) => {
        const topic = await describeTopic(cluster, name)
        const shown = { ...topic, configs: topic.configs.filter(({ isOwn }) => wanted || isOwn) }
        if (options.json !== true) context.stdout.write(`${renderTopic(shown, context)}\n`)
        return shown
      })
      if (options.json === true) context.stdout.write(`${JSON.stringify({ topics: described })}\n`)
    })
  })
}

function alter(context: CliContext) {
  const command = new Command('alter')
    .description('add partitions, change configs; what is not named stays as it is')
    .argument('<topic>', 'its name')
    .option('--partitions <n>', 'how many it shall have in all: never fewer than now', countArgument)
    .addOption(namedValuesOption('--config <name=value>', 'set a config; as often as needed'))
    .addOption(
      new Option('--delete-config <name>', 'give a config back to the default; as often as needed')
        .argParser(appendArgument)
        .default([] as readonly string[], 'none'),
    )
    .option('--dry-run', 'only ask whether it could be done')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (topic, options) => {
    const dryRun = options.dryRun === true
    const { partitions, config: set, deleteConfig: unset } = options
    const configs = Object.keys(set).length + unset.length
    if (partitions === undefined && configs === 0) throw new AlterNothingError({ topic })
    await withCluster(options, context, async (cluster) => {
      await cluster.topic(topic)
      if (configs > 0) {
        const { alterConfigs } = await import('../kafka/admin/configs.ts')
        await alterConfigs(cluster, topic, { set, unset, dryRun })
      }
      if (partitions !== undefined) {
        const { growTopic } = await import('../kafka/admin/topics.ts')
        await growTopic(cluster, topic, partitions, dryRun)
      }
    })
    const outcome = { topic, dryRun, ...(partitions === undefined ? {} : { partitions }), set, unset }
    const text = `topic "${topic}" ${dryRun ? 'could be altered (dry run)' : 'altered'}`
    context.stdout.write(`${options.json === true ? JSON.stringify(outcome) : text}\n`)
  })
}

function remove(context: CliContext) {
  const command = new Command('delete')
    .description('delete topics with all their records, for ever')
    .argument('<topic...>', 'names')
    .addOption(jsonOption('print one JSON document'))
    .addHelpText('after', CONNECTION_HELP)
  return withConnection(command).action(async (names, options) => {
    await withCluster(options, context, async (cluster) => {
      const { deleteTopic } = await import('../kafka/admin/topics.ts')
      const deleted = await forEach(names, context, options.json === true, async (topic) => {
        await deleteTopic(cluster, topic)
        if (options.json !== true) context.stdout.write(`topic "${topic}" deleted\n`)
        return topic
      })
      if (options.json === true) context.stdout.write(`${JSON.stringify({ deleted })}\n`)
    })
  })
}

function appendArgument(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}
