import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { partitionArgument } from '../kafka/arguments.ts'
import { CONNECTION_HELP, withConnection } from '../kafka/connection/options.ts'
import { FlagFileError } from '../kafka/errors.ts'
import { INPUT_FORMATS } from '../kafka/produce/input.ts'
import { withCluster } from '../kafka/with-cluster.ts'
import { jsonOption, momentArgument, namedValuesOption, rateArgument } from '../options.ts'
import { formatBytes, formatCounted, formatElapsed, formatRate } from '../output/format.ts'
import { liveView } from '../output/live-view.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** Read at once from a file. */
const CHUNK_BYTES = 1024 * 1024

export function produceCommand(context: CliContext) {
  const command = new Command('produce')
    .description('send records to a topic, from stdin or a file')
    .argument('<topic>', 'its name')
    .option('--file <file>', 'read from a file instead of stdin')
    .addOption(
      new Option(
        '--format <format>',
        'lines: a value each; json: a JSON value each; key-value: key, separator, value; csv: rows to JSON by the header',
      )
        .choices(INPUT_FORMATS)
        .default('lines' as const),
    )
    .option('--key <path>', 'where the key is: a member of the JSON (user.id), a column of the CSV')
    .option('--key-separator <text>', 'ends the key of key-value', nonEmptyArgument, ':')
    .option('--delimiter <character>', 'between the fields of CSV', characterArgument, ',')
    .option('--null <text>', 'this text as a value or key means null: a value of null is a tombstone')
    .addOption(namedValuesOption('--header <name=value>', 'a header of every record; as often as needed'))
    .option('--partition <n>', 'send all there (default: by the key, as other clients do)', partitionArgument)
    .option('--timestamp <time>', 'of every record (default: the moment of sending)', momentArgument)
    .addOption(new Option('--compression <codec>', 'compress batches').choices(CODECS).default('none' as const))
    .addOption(
      new Option('--acks <who>', 'who must have a record: all replicas, the leader (1), nobody (0)')
        .choices(['all', '1', '0'] as const)
        .default('all' as const),
    )
    .option('--rate <n>', 'records a second (default: as fast as they are taken)', rateArgument)
    .addOption(jsonOption('print the summary as one JSON document'))
    .addHelpText(
      'after',
      `
Examples:
  headrace produce trades --file trades.ndjson --format json --key uno --compression zstd
  tail -f app.log | headrace produce logs
  echo 'alice={"age":30}' | headrace produce users --format key-value --key-separator =
  echo 'alice:NULL' | headrace produce users --format key-value --null NULL         a tombstone
  headrace produce prices --file prices.csv --format csv --key symbol --rate 100

With --acks all a batch that has to be sent again is still written once. Ctrl-C sends what was read, and ends.
${CONNECTION_HELP}`,
    )
  return withConnection(command).action(async (topic, options) => {
    const { ACKS, TopicWriter } = await import('../kafka/produce/topic-writer.ts')
    const [{ openInput }, { sendInput }] = await Promise.all([
      import('../kafka/produce/input.ts'),
      import('../kafka/produce/send-input.ts'),
    ])
    const stream = options.file === undefined ? process.stdin : await openFile(options.file)
    const signal = context.interruption()
    const input = openInput({
      format: options.format,
      name: options.file ?? 'stdin',
      keySeparator: options.keySeparator,
      delimiter: options.delimiter,
      key: options.key,
      nullText: options.null,
    })
    const headers = Object.entries(options.header).map(([key, value]) => ({ key, value: Buffer.from(value) }))
    await withCluster(options, context, async (cluster) => {
      const acks = { all: ACKS.all, 1: ACKS.leader, 0: ACKS.none }[options.acks]
      const { partition, compression: codec, rate, timestamp } = options
      const writer = await TopicWriter.open(cluster, { topic, acks, codec, partition, headers })
      const view = liveView({ stream: context.stderr })
      const started = performance.now()
      const summary = () => summaryOf(topic, writer.sent, performance.now() - started)
      const onProgress = () =>
        view.show(
          () => renderSummary(summary()),
          () => renderSummary(summary()),
        )
      if (stream === process.stdin && process.stdin.isTTY)
        context.stderr.write('Each line that you type is sent as a record. Ctrl-D ends it.\n')
      try {
        await sendInput({ stream, input, writer, rate, timestamp, signal, onProgress })
      } finally {
        view.clear()
        writer.close()
        tell(summary(), options.json === true, context)
      }
    }).finally(() => stream.destroy())
  })
}

interface Summary {
  readonly topic: string
  readonly records: number
  readonly bytes: number
  readonly elapsedMs: number
  readonly recordsPerSecond: number
}

function summaryOf(topic: string, sent: { records: number; bytes: number }, elapsedMs: number): Summary {
  const recordsPerSecond = Math.round((sent.records * 1000) / Math.max(1, elapsedMs))
  return { topic, ...sent, elapsedMs: Math.round(elapsedMs), recordsPerSecond }
}

function renderSummary({ topic, records, bytes, elapsedMs, recordsPerSecond }: Summary): string {
  const taken = `${formatElapsed(elapsedMs)}, ${formatRate(recordsPerSecond)}`
  return `sent ${formatCounted(records, 'record')} to "${topic}" in ${taken}, ${formatBytes(bytes)} on the wire`
}

function tell(summary: Summary, json: boolean, { stdout, stderr }: CliContext): void {
  if (json) stdout.write(`${JSON.stringify(summary)}\n`)
  else stderr.write(`${renderSummary(summary)}\n`)
}

async function openFile(path: string): Promise<Readable> {
  try {
    const file = await open(path)
    if (!(await file.stat()).isDirectory()) return file.createReadStream({ highWaterMark: CHUNK_BYTES })
    await file.close()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new FlagFileError({ flag: '--file', path, reason }, { cause })
  }
  throw new FlagFileError({ flag: '--file', path, reason: 'it is a folder' })
}

function nonEmptyArgument(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.')
  return text
}

/** One ASCII character, `\t` for a tab. */
function characterArgument(text: string): string {
  const character = text === '\\t' ? '\t' : text
  if (!/^[\t -~]$/.test(character) || character === '"') throw new InvalidArgumentError('It must be one character.')
  return character
}
