import { Command, Option } from '@commander-js/extra-typings'
import type { PipelineConfig, PipelineStatus, RunMode } from '@headrace/core'
import type { CliContext } from '../context.ts'
import { countArgument, dataOption, durationArgument, jsonOption, memoryArgument, parameterOption } from '../options.ts'
import { type LiveView, liveView } from '../output/live-view.ts'
import { renderRunSummary, runDocument } from '../output/run-summary.ts'
import { renderStatusFrame, renderStatusLine } from '../output/status-view.ts'

const METRICS_MS = 1000

export function runCommand(context: CliContext) {
  return new Command('run')
    .description('run one pipeline; it goes on where it stopped')
    .argument('<file>', 'pipeline file')
    .addOption(dataOption())
    .addOption(new Option('--once', 'end after what is there at the start').conflicts('untilIdle'))
    .option('--until-idle <duration>', 'end when nothing has arrived for so long, such as 5s', durationArgument)
    .option('--drain', 'at the end close all windows, and mark the pipeline finished')
    .addOption(parameterOption())
    .option('--threads <n>', "DuckDB's threads for one statement (default: half the cores)", countArgument)
    .option('--memory <size>', "DuckDB's memory, such as 1GB (default: most of the machine's)", memoryArgument)
    .option('--metrics', 'print the status as a JSON line every second')
    .addOption(jsonOption('print the outcome as one JSON document'))
    .addHelpText(
      'after',
      `
Examples:
  headrace run examples/trades-per-minute.yaml
  headrace run trades.yaml --until-idle 5s --drain
  headrace run trades.yaml --param topic=trades --metrics | jq .records.read

Without --once or --until-idle it runs until Ctrl-C, which commits and ends cleanly; a second Ctrl-C ends it at once.`,
    )
    .action(async (file, options) => {
      const signal = context.interruption()
      const { openPipelineFile } = await import('../pipeline-file.ts')
      const config = await openPipelineFile(file, options.param, context, options.json === true)
      const { runConfigured } = await import('../run-configured.ts')
      const started = performance.now()
      const view = progressOf(config, context, options)
      try {
        const { status } = await runConfigured({
          config,
          file,
          dataDirectory: options.data,
          mode: modeOf(options),
          drain: options.drain === true,
          signal,
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...(options.memory === undefined ? {} : { memoryLimit: options.memory }),
          onStatus: view.status,
          onLog: view.log,
        })
        view.end()
        const elapsedMs = performance.now() - started
        if (options.json === true) context.stdout.write(`${JSON.stringify(runDocument(status, elapsedMs))}\n`)
        else if (options.metrics === true) context.stdout.write(`${JSON.stringify(status)}\n`)
        else context.stdout.write(`${renderRunSummary(status, elapsedMs, options.data, context.colors)}\n`)
      } finally {
        view.end()
      }
    })
}

function modeOf(options: { once?: true | undefined; untilIdle?: number | undefined }): RunMode {
  if (options.once === true) return { kind: 'once' }
  return options.untilIdle === undefined ? { kind: 'continuous' } : { kind: 'untilIdle', idleMs: options.untilIdle }
}

interface Progress {
  readonly status: (status: PipelineStatus) => void
  readonly log: (text: string) => void
  readonly end: () => void
}

/** What is shown while it runs: JSON lines on stdout, or a live view on stderr. */
function progressOf(
  config: PipelineConfig,
  context: CliContext,
  options: { metrics?: true | undefined; json?: true | undefined },
): Progress {
  if (options.metrics === true) return metricsLines(context)
  const view = viewFor(config, context, options.json === true)
  return {
    status: (status) =>
      view.show(
        () => renderStatusFrame(status, context.errorColors),
        () => renderStatusLine(status),
      ),
    log: (text) => view.note(text),
    end: () => view.end(),
  }
}

function metricsLines(context: CliContext): Progress {
  let writtenAt = Number.NEGATIVE_INFINITY
  return {
    status: (status) => {
      if (performance.now() - writtenAt < METRICS_MS) return
      writtenAt = performance.now()
      context.stdout.write(`${JSON.stringify(status)}\n`)
    },
    log: (text) => void context.stderr.write(`${text}\n`),
    end: () => {},
  }
}

/** A console sink writes to the terminal too: lines then, since what is redrawn would stand in its way. */
function viewFor(config: PipelineConfig, context: CliContext, json: boolean): LiveView {
  const shared = json || config.sinks.some((sink) => sink.adapter === 'console')
  return liveView({ stream: shared ? { write: (text) => context.stderr.write(text) } : context.stderr })
}
