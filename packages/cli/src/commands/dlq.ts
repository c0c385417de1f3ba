import { Command } from '@commander-js/extra-typings'
import type { StoredDeadLetter } from '@headrace/core'
import type { CliContext } from '../context.ts'
import { countArgument, dataOption, integerArgument, jsonOption } from '../options.ts'
import { letterDocument, renderLetter } from '../output/dead-letter.ts'
import { formatCount, formatCounted } from '../output/format.ts'
import { renderTable } from '../output/table.ts'

export function dlqCommand(context: CliContext) {
  const command = new Command('dlq')
    .description('dead letters: records that no sink will hold, with their bytes and the reason')
    .addHelpText(
      'after',
      `
Examples:
  headrace dlq list                                  which pipelines have dead letters
  headrace dlq list trades-per-minute                how many for which reason
  headrace dlq show trades-per-minute --limit 3      the records themselves
  headrace dlq show trades-per-minute --code RECORD_MALFORMED --json`,
    )
  command.addCommand(listCommand(context))
  command.addCommand(showCommand(context))
  return command
}

function listCommand(context: CliContext) {
  return new Command('list')
    .description('count dead letters by reason; without a pipeline, by pipeline')
    .argument('[pipeline]', 'name of a pipeline')
    .addOption(dataOption())
    .addOption(jsonOption('print one JSON document'))
    .action(async (pipeline, options) => {
      const { listPipelines, openDeadLetters, pipelineDirectory } = await import('@headrace/core')
      const names = pipeline === undefined ? await listPipelines(options.data) : [pipeline]
      const lists = await Promise.all(
        names.map(async (name) => {
          const reasons = await openDeadLetters(await pipelineDirectory(options.data, name)).summary()
          return { pipeline: name, total: reasons.reduce((sum, reason) => sum + reason.count, 0), reasons }
        }),
      )
      if (options.json === true) {
        context.stdout.write(`${JSON.stringify(pipeline === undefined ? { pipelines: lists } : lists[0])}\n`)
        return
      }
      if (lists.length === 0) context.stdout.write(`no pipeline has run in ${options.data}\n`)
      for (const { pipeline: name, total, reasons } of lists) {
        context.stdout.write(`${context.colors.bold(name)}: ${formatCounted(total, 'dead letter')}\n`)
        if (reasons.length === 0) continue
        const table = renderTable(
          [
            { name: 'count', align: 'right' },
            { name: 'code' },
            { name: 'step' },
            { name: 'last' },
            { name: 'example' },
          ],
          reasons.map((reason) => [formatCount(reason.count), reason.code, reason.step, reason.lastAt, reason.example]),
          { colors: context.colors, maxCellWidth: 80 },
        )
        context.stdout.write(`${table}\n`)
      }
    })
}

function showCommand(context: CliContext) {
  return new Command('show')
    .description('show dead letters in full: topic/partition and offset, reason, bytes')
    .argument('<pipeline>', 'name of a pipeline')
    .option('--code <code>', 'only those with this code')
    .option('--limit <n>', 'at most so many', countArgument, 20)
    .option('--skip <n>', 'leave out so many first', integerArgument, 0)
    .addOption(dataOption())
    .addOption(jsonOption('print one JSON line for each, its bytes in base64'))
    .action(async (pipeline, options) => {
      const { openDeadLetters, pipelineDirectory } = await import('@headrace/core')
      const letters = await openDeadLetters(await pipelineDirectory(options.data, pipeline)).list({
        limit: options.limit,
        offset: Math.max(0, options.skip),
        ...(options.code === undefined ? {} : { code: options.code }),
      })
      if (options.json === true) {
        for (const letter of letters) context.stdout.write(`${JSON.stringify(letterDocument(letter))}\n`)
        return
      }
      if (letters.length === 0) context.stdout.write('no dead letters\n')
      for (const letter of letters) context.stdout.write(`${renderLetter(letter, context.colors)}\n`)
      hintAtMore(context, letters, options.limit)
    })
}

function hintAtMore(context: CliContext, letters: readonly StoredDeadLetter[], limit: number): void {
  if (letters.length === limit) context.stderr.write(context.errorColors.dim('more with --limit and --skip\n'))
}
