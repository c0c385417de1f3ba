import { Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { jsonOption, parameterOption } from '../options.ts'
import { formatCounted } from '../output/format.ts'
import { AlreadyReported, renderProblem } from '../output/report-error.ts'
import type { CheckedPipeline } from '../pipeline-file.ts'

export function validateCommand(context: CliContext) {
  return new Command('validate')
    .description('find every mistake in pipeline files, without opening anything they name')
    .argument('<files...>', 'pipeline files')
    .addOption(parameterOption())
    .addOption(jsonOption('print one JSON document'))
    .addHelpText(
      'after',
      `
Examples:
  headrace validate examples/trades-per-minute.yaml
  headrace validate pipelines/*.yaml --json

Each mistake comes with file:line:column, a code and a hint. The exit code is 1 if there is any.`,
    )
    .action(async (files, options) => {
      const { checkPipelineFile } = await import('../pipeline-file.ts')
      const results: { file: string; checked: CheckedPipeline }[] = []
      for (const file of files) results.push({ file, checked: await checkPipelineFile(file, options.param) })
      if (options.json === true) {
        const documents = results.map(({ file, checked: { config, problems } }) => ({
          file,
          valid: problems.length === 0,
          ...(config === undefined ? {} : { pipeline: config.name }),
          problems,
        }))
        context.stdout.write(`${JSON.stringify({ files: documents })}\n`)
      } else {
        for (const { file, checked } of results) context.stdout.write(`${resultText(file, checked, context)}\n`)
      }
      if (results.some(({ checked }) => checked.problems.length > 0)) throw new AlreadyReported()
    })
}

function resultText(file: string, { config, problems }: CheckedPipeline, { colors }: CliContext): string {
  if (problems.length > 0) {
    return [
      ...problems.map((problem) => renderProblem(problem, colors)),
      colors.red(`✗ ${file}: ${formatCounted(problems.length, 'mistake')}`),
    ].join('\n')
  }
  const parts =
    config === undefined ? [] : [formatCounted(config.steps.length, 'step'), formatCounted(config.sinks.length, 'sink')]
  return `${colors.green('✓')} ${file}: ${config?.name ?? ''}, ${parts.join(', ')}`
}
