import { CommanderError } from 'commander'
import { type CliContext, processContext } from './context.ts'
import { reportError } from './output/report-error.ts'
import { createProgram } from './program.ts'

/** Exit codes: done or interrupted, failed or mistakes found, wrongly called. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const

/** How long the process may take to end by itself once its command is over; then something was left open. */
const LINGER_MS = 3000

/** Runs the command line and sets the exit code; never throws. */
export async function runCli(argv: readonly string[]): Promise<void> {
  const context = processContext(argv)
  const json = argv.includes('--json')
  endWithReader(process.stdout, (error) => reportError(error, context, json))
  endWithReader(process.stderr, () => EXIT.failed)
  process.exitCode = await runCommand(argv, context)
  setTimeout(() => process.exit(), LINGER_MS).unref()
}

/** Runs one command to its end, tells what went wrong, and gives the exit code; `argv` as a process has it. Never throws. */
export async function runCommand(argv: readonly string[], context: CliContext): Promise<number> {
  try {
    await createProgram(context).parseAsync(argv)
    return EXIT.done
  } catch (error) {
    if (error instanceof CommanderError)
      return ['commander.helpDisplayed', 'commander.version'].includes(error.code) ? EXIT.done : EXIT.usage
    return reportError(error, context, argv.includes('--json'))
  }
}

/** A reader that goes away (`headrace query … | head -3`) ends the program quietly; a full disk is a failure. */
function endWithReader(stream: NodeJS.WriteStream, failed: (error: Error) => number): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.done : failed(error))
  })
}
