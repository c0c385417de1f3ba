import path from 'node:path'
import { Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { DEFAULT_PLAN } from '../generator/trade-plan.ts'
import { countArgument, integerArgument, jsonOption, rateArgument } from '../options.ts'
import { AlreadyReported } from '../output/report-error.ts'

const DEFAULT_FOLDER = path.join('.headrace', 'demo')

export function demoCommand(context: CliContext) {
  return new Command('demo')
    .description('the whole thing on this machine: orders through Kafka, a pipeline, results in Parquet and PostgreSQL')
    .option('--count <n>', 'trade orders', countArgument, 200_000)
    .option('--seed <n>', 'the same seed gives the same orders', integerArgument, DEFAULT_PLAN.seed)
    .option('--keep', 'go on with a live stream until Ctrl-C')
    .option('--live-rate <n>', 'orders a second of the live stream', rateArgument, 500)
    .option('--keep-data', 'take up what the last demo left instead of beginning afresh')
    .option('--data <dir>', 'folder of the demo’s own; emptied when it begins', DEFAULT_FOLDER)
    .addOption(jsonOption('print only the outcome, as one JSON document'))
    .addHelpText(
      'after',
      `
Examples:
  headrace demo
  headrace demo --keep
  headrace demo --count 20000 --seed 7 --json

The exit code is 1 if Parquet, PostgreSQL and a direct recount of the topic do not agree.`,
    )
    .action(async (options) => {
      const signal = context.interruption()
      const [{ runDemo }, { DemoScreen }, { demoDocument }, { tryNext }] = await Promise.all([
        import('../demo/demo.ts'),
        import('../demo/demo-screen.ts'),
        import('../demo/demo-document.ts'),
        import('../demo/try-next.ts'),
      ])
      const screen = new DemoScreen(context, options.json === true)
      const started = performance.now()
      const outcome = await runDemo(
        {
          folder: options.data,
          count: options.count,
          seed: options.seed,
          keep: options.keep === true,
          keepData: options.keepData === true,
          liveRate: options.liveRate,
        },
        screen,
        signal,
      )
      if (options.json === true) {
        context.stdout.write(`${JSON.stringify(demoDocument(outcome, performance.now() - started))}\n`)
      } else {
        screen.heading('Try next')
        for (const command of tryNext(outcome.pipeline, options.data, context.env)) screen.write(`  ${command}`)
      }
      if (!outcome.verdict.agrees) throw new AlreadyReported()
    })
}
