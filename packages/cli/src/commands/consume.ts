import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { partitionArgument, type StartTarget, startArgument } from '../kafka/arguments.ts'
import { CONNECTION_HELP, withConnection } from '../kafka/connection/options.ts'
import { OUTPUT_FORMATS } from '../kafka/consume/formats.ts'
import type { RecordTarget } from '../kafka/consume/topic-reader.ts'
import { ConnectionFlagsError } from '../kafka/errors.ts'
import { withCluster } from '../kafka/with-cluster.ts'
import { countArgument } from '../options.ts'

export function consumeCommand(context: CliContext) {
  const command = new Command('consume')
    .description('show the records of a topic, those to come too')
    .argument('<topic>', 'its name')
    .addOption(
      new Option(
        '--from <where>',
        'earliest, latest, an offset, the last n (-10), a time (2026-11-20T10:00:00Z), or "15m ago"',
      )
        .argParser(startArgument)
        .default({ kind: 'earliest' } as StartTarget, 'earliest'),
    )
    .option('--partition <list>', 'only these partitions: 0,2', partitionsArgument)
    .option('--group <name>', 'read as a member of a group, which goes on where it was and commits')
    .addOption(
      new Option(
        '--group-protocol <name>',
        "consumer is Kafka 4's (KIP-848), where the brokers share out the partitions",
      )
        .choices(['classic', 'consumer'] as const)
        .default('classic' as const),
    )
    .option('--count <n>', 'end after so many records', countArgument)
    .option('--until-end', 'end where the topic ends now')
    .option('--read-committed', 'leave out the records of transactions that are open or aborted')
    .addOption(
      new Option(
        '--format <format>',
        'value, key-value, raw (the exact bytes), json (all there is), table (all there is, for a person)',
      )
        .choices(OUTPUT_FORMATS)
        .default('value' as const),
    )
    .addOption(new Option('--json', 'the same as --format json').implies({ format: 'json' }))
    .option('--key-separator <text>', 'between key and value of key-value', ':')
    .option('--null <text>', 'stands for a key or value that is null', '')
    .addHelpText(
      'after',
      `
Examples:
  headrace consume trades --until-end > trades.ndjson
  headrace consume trades --from latest --format table
  headrace consume trades --from -5 --partition 0 --until-end
  headrace consume trades --from "15m ago" --json | jq -r .key
  headrace consume trades --group debug --count 100

A record ends with a newline. Bytes that are no UTF-8 are shown as \\xHH (--format raw gives them as they are); JSON has them
as {"base64": …}. Ctrl-C ends it; so does a reader that goes away.
${CONNECTION_HELP}`,
    )
  return withConnection(command).action(async (topic, options) => {
    assertFit(options)
    const target = await openTarget(topic, options, context)
    const signal = context.interruption()
    const readCommitted = options.readCommitted === true
    if (options.group !== undefined) {
      const { readAsGroup } = await import('../kafka/consume/group-reader.ts')
      const { group, groupProtocol: protocol } = options
      const fromBeginning = options.from.kind === 'earliest'
      const onNote = (text: string) => void context.stderr.write(`${text}\n`)
      const how = { group, protocol, topic, fromBeginning, readCommitted, signal, onNote }
      await withCluster(options, context, async (cluster) => {
        await cluster.topic(topic)
        await readAsGroup(cluster, how, target)
      })
    } else {
      const { readTopic } = await import('../kafka/consume/topic-reader.ts')
      const { partition: partitions, from: start } = options
      const untilEnd = options.untilEnd === true
      await withCluster(options, context, (cluster) =>
        readTopic(cluster, { topic, partitions, start, readCommitted, untilEnd, signal }, target),
      )
    }
  })
}

interface GroupOptions {
  readonly group?: string | undefined
  readonly from: StartTarget
  readonly partition?: readonly number[] | undefined
  readonly untilEnd?: true | undefined
}

/** A group decides by itself who reads what, and from where. */
function assertFit({ group, from, partition, untilEnd }: GroupOptions): void {
  if (group === undefined) return
  const refuse = (problem: string, remedy: string) => {
    throw new ConnectionFlagsError({ problem, remedy })
  }
  if (partition !== undefined)
    refuse('--partition and --group exclude each other', 'A group shares out the partitions.')
  if (untilEnd === true) refuse('--until-end and --group exclude each other', 'Use --count N with a group.')
  if (from.kind !== 'earliest' && from.kind !== 'latest') {
    refuse(
      'with --group, --from can be earliest or latest only',
      `Move the group first: \`headrace groups reset ${group} --topic … --to …\`.`,
    )
  }
}

interface ShowOptions {
  readonly format: (typeof OUTPUT_FORMATS)[number]
  readonly keySeparator: string
  readonly null: string
  readonly count?: number | undefined
}

async function openTarget(topic: string, options: ShowOptions, { stdout }: CliContext): Promise<RecordTarget> {
  const [{ recordFormat }, { LineBuffer }, { safeText }] = await Promise.all([
    import('../kafka/consume/formats.ts'),
    import('../kafka/consume/line-buffer.ts'),
    import('../kafka/consume/safe-text.ts'),
  ])
  const { format: name, keySeparator, null: nullText, count = Number.POSITIVE_INFINITY } = options
  const format = recordFormat({ format: name, topic, keySeparator, nullText, width: stdout.columns ?? 120 })
  const out = new LineBuffer()
  out.text(format.head)
  let shown = 0
  return {
    record(view) {
      format.write(view, out)
      return ++shown < count
    },
    flush() {
      if (out.length === 0) return Promise.resolve()
      const bytes = out.take()
      const safe = format.isText ? safeText(bytes, stdout.isTTY === true) : bytes
      return new Promise((resolve, reject) => {
        stdout.write(safe, (error) => (error ? reject(error) : resolve()))
      })
    },
  }
}

function partitionsArgument(text: string): readonly number[] {
  if (text === '') throw new InvalidArgumentError('It must look like 0,2.')
  return [...new Set(text.split(',').map(partitionArgument))]
}
