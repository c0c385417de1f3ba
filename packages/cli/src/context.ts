import { type Colors, colorsFor } from './output/colors.ts'

/** A stream that a command writes to; a terminal says how wide it is. */
export interface TextStream {
  /** `done` is called when the bytes have been taken: a buffer may be used again only then. */
  write(text: string | Uint8Array, done?: (error?: Error | null) => void): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** What a command has of the world outside: `stdout` is for data, `stderr` for what a person reads meanwhile. */
export interface CliContext {
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly env: Readonly<Record<string, string | undefined>>
  /** Colours for stdout and for stderr, or none: after `--no-color`, with NO_COLOR, and away from a terminal. */
  readonly colors: Colors
  readonly errorColors: Colors
  /**
   * Aborted by the first Ctrl-C or SIGTERM; the second ends the process at once. Listening begins with the first call,
   * so that a command which does not end cleanly by itself is simply killed.
   */
  interruption(): AbortSignal
}

/** The real world: this process's streams and signals. */
export function processContext(argv: readonly string[]): CliContext {
  const plain = argv.includes('--no-color')
  let interrupted: AbortController | undefined
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    colors: colorsFor(process.stdout, process.env, plain),
    errorColors: colorsFor(process.stderr, process.env, plain),
    interruption() {
      interrupted ??= abortOnSignals()
      return interrupted.signal
    },
  }
}

function abortOnSignals(): AbortController {
  const controller = new AbortController()
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code)
      controller.abort()
    })
  }
  return controller
}

/** A context that writes nowhere and is never interrupted: for making the program without running it. */
export function quietContext(): CliContext {
  const nowhere: TextStream = { write: (_text, done) => done?.() }
  const colors = colorsFor(nowhere, {}, true)
  return {
    stdout: nowhere,
    stderr: nowhere,
    env: {},
    colors,
    errorColors: colors,
    interruption: () => new AbortController().signal,
  }
}
