import { readFileSync } from 'node:fs'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { Command } from '@commander-js/extra-typings'
import { consumeCommand } from './commands/consume.ts'
import { demoCommand } from './commands/demo.ts'
import { devCommand } from './commands/dev.ts'
import { dlqCommand } from './commands/dlq.ts'
import { explainCommand } from './commands/explain.ts'
import { generateCommand } from './commands/generate.ts'
import { groupsCommand } from './commands/groups.ts'
import { produceCommand } from './commands/produce.ts'
import { queryCommand } from './commands/query.ts'
import { runCommand } from './commands/run.ts'
import { serveCommand } from './commands/serve.ts'
import { topicsCommand } from './commands/topics.ts'
import { validateCommand } from './commands/validate.ts'
import type { CliContext } from './context.ts'
import { quietContext } from './context.ts'

const COMMANDS: readonly ((context: CliContext) => CommandUnknownOpts)[] = [
  demoCommand,
  devCommand,
  runCommand,
  validateCommand,
  explainCommand,
  queryCommand,
  generateCommand,
  dlqCommand,
  serveCommand,
  topicsCommand,
  groupsCommand,
  produceCommand,
  consumeCommand,
]

/** The whole command line. Making it starts nothing and loads no adapter: the reference page is made from it too. */
export function createProgram(context: CliContext = quietContext()): CommandUnknownOpts {
  const program = new Command('headrace')
    .description('Streams in, tables out: windowed, exactly once, in one process.')
    .version(version(), '-v, --version', 'print the version')
    .option('--no-color', 'no colours (also: the variable NO_COLOR, or output that is not a terminal)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError('(--help says what there is)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Begin with:
  headrace demo                                  the whole thing on this machine, in seconds
  headrace dev --postgres                        a Kafka broker and a PostgreSQL to develop against
  headrace run examples/trades-per-minute.yaml   a pipeline
  headrace consume trades --from -10             the last records of a topic, here or of any Kafka cluster

Exit codes: 0 done or Ctrl-C, 1 failed or mistakes found, 2 wrongly called.`,
    )
  for (const command of COMMANDS) adopt(program, command(context))
  return program
}

/** Adds a command; it and its own commands then write and end as the program does. */
function adopt(parent: CommandUnknownOpts, child: CommandUnknownOpts): void {
  child.copyInheritedSettings(parent)
  for (const grandchild of child.commands) adoptSettings(child, grandchild)
  parent.addCommand(child)
}

function adoptSettings(parent: CommandUnknownOpts, child: CommandUnknownOpts): void {
  child.copyInheritedSettings(parent)
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
