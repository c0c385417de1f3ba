import { Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { jsonOption, parameterOption } from '../options.ts'
import { AlreadyReported, tellProblems } from '../output/report-error.ts'

export function explainCommand(context: CliContext) {
  return new Command('explain')
    .description('show what a pipeline file comes to: its steps as SQL, its windows, what each sink guarantees')
    .argument('<file>', 'pipeline file')
    .addOption(parameterOption())
    .addOption(jsonOption('print one JSON document'))
    .addHelpText(
      'after',
      `
Examples:
  headrace explain examples/trades-per-minute.yaml
  headrace explain examples/trades-per-minute.yaml --json | jq .sinks`,
    )
    .action(async (file, options) => {
      const { checkPipelineFile } = await import('../pipeline-file.ts')
      const { config, plan, problems } = await checkPipelineFile(file, options.param)
      if (config === undefined || plan === undefined || problems.length > 0) {
        tellProblems(problems, context, options.json === true)
        throw new AlreadyReported()
      }
      const { explainDocument, renderExplanation } = await import('../output/explanation.ts')
      context.stdout.write(
        options.json === true
          ? `${JSON.stringify(explainDocument(config, plan))}\n`
          : `${renderExplanation(config, plan, context.colors)}\n`,
      )
    })
}
