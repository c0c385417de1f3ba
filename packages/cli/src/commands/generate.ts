import { Argument, Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { generate } from '../generator/generate.ts'
import { openSender } from '../generator/open-sender.ts'
import { openSentLog } from '../generator/sent-log.ts'
import { renderSummary, type SentCounts, summarize } from '../generator/summary.ts'
import { parseTarget } from '../generator/target.ts'
import { DEFAULT_PLAN, type TradePlan } from '../generator/trade-plan.ts'
import {
  countArgument,
  dataOption,
  dateArgument,
  integerArgument,
  jsonOption,
  momentArgument,
  rateArgument,
  shareArgument,
} from '../options.ts'
import { formatCount, formatRate } from '../output/format.ts'
import { liveView } from '../output/live-view.ts'

const DEFAULT_COUNT = 10_000
const { shares } = DEFAULT_PLAN

export function generateCommand(context: CliContext) {
  return new Command('generate')
    .description('send made-up records: trade orders, some of them malformed, late or sent twice')
    .addArgument(new Argument('<shape>', 'what to send').choices(['trades'] as const))
    .option('--to <target>', 'stdout, a file, kafka (the broker of `headrace dev`), kafka://host:port/topic', 'stdout')
    .option('--count <n>', `how many (default: ${DEFAULT_COUNT}; without end when --rate is given)`, countArgument)
    .option('--rate <n>', 'records a second (default: as fast as they are taken)', rateArgument)
    .option('--seed <n>', 'the same seed and start give the same records', integerArgument, DEFAULT_PLAN.seed)
    .option('--start <time>', 'event time of the first record (default: so that it reaches now)', momentArgument)
    .option('--date <date>', 'trade date of all records (default: the day of the event time)', dateArgument)
    .option('--users <n>', 'different customers', countArgument, DEFAULT_PLAN.users)
    .option('--products <n>', 'different products', countArgument, DEFAULT_PLAN.products)
    .option('--partitions <n>', 'partitions of a topic that does not exist yet', countArgument, DEFAULT_PLAN.partitions)
    .option('--malformed <share>', 'share of records that are no valid orders', shareArgument, shares.malformed)
    .option('--late <share>', 'share of orders whose time lies minutes back', shareArgument, shares.late)
    .option('--duplicates <share>', 'share of orders sent twice', shareArgument, shares.duplicate)
    .option('--cancelled <share>', 'share of orders with a quantity of 0', shareArgument, shares.cancelled)
    .option('--log <file>', 'write a line for each record sent: its number, kind, key, partition, time')
    .addOption(dataOption())
    .addOption(jsonOption('print the summary as JSON (on stderr when the records go to stdout)'))
    .addHelpText(
      'after',
      `
Examples:
  headrace generate trades --count 5
  headrace generate trades --count 200000 --to kafka
  headrace generate trades --rate 500 --to kafka://127.0.0.1:9092/trades
  headrace generate trades --count 1000 --seed 7 --start 2026-11-20T10:00:00Z --to trades.ndjson`,
    )
    .action(async (_shape, options) => {
      const target = parseTarget(options.to)
      const opened = await openSender(target, options.data, options.partitions)
      const log = options.log === undefined ? undefined : await openSentLog(options.log)
      const plan = planOf(options, opened.partitions)
      const view = liveView({ stream: context.stderr })
      const started = performance.now()
      const elapsed = () => performance.now() - started
      let sent: SentCounts
      try {
        sent = await generate({
          plan,
          sender: opened.sender,
          signal: context.interruption(),
          ...(options.rate === undefined ? {} : { rate: options.rate }),
          onSent: (counts, batch) => {
            log?.add(batch)
            const line = () => progressLine(counts, elapsed())
            view.show(line, line)
          },
        })
      } finally {
        view.end()
        await opened.sender.close()
        await log?.close()
      }
      const summary = summarize(plan, opened.name, sent, elapsed())
      const out = options.json === true && target.kind !== 'stdout' ? context.stdout : context.stderr
      out.write(`${options.json === true ? JSON.stringify(summary) : renderSummary(summary)}\n`)
    })
}

interface PlanOptions {
  readonly count?: number | undefined
  readonly rate?: number | undefined
  readonly seed: number
  readonly start?: number | undefined
  readonly date?: string | undefined
  readonly users: number
  readonly products: number
  readonly malformed: number
  readonly late: number
  readonly duplicates: number
  readonly cancelled: number
}

function planOf(options: PlanOptions, partitions: number, now = Date.now()): TradePlan {
  const { rate, seed, users, products, malformed, late, duplicates, cancelled } = options
  const count = options.count ?? (rate === undefined ? DEFAULT_COUNT : undefined)
  const stepMs = rate === undefined ? DEFAULT_PLAN.stepMs : 1000 / rate
  const back = rate === undefined ? (count ?? 0) * stepMs : 0
  return {
    ...DEFAULT_PLAN,
    seed,
    users,
    products,
    partitions,
    stepMs,
    startMs: options.start ?? Math.floor((now - back) / 1000) * 1000,
    shares: { malformed, late, duplicate: duplicates, cancelled },
    ...(count === undefined ? {} : { count }),
    ...(options.date === undefined ? {} : { tradeDate: options.date }),
  }
}

function progressLine(sent: SentCounts, elapsedMs: number): string {
  return `sent ${formatCount(sent.records)} records, ${formatRate(sent.records / Math.max(0.001, elapsedMs / 1000))}`
}
