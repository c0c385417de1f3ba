import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.resolve('headrace')))

export interface HeadraceOptions {
  readonly cwd: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** A command that starts the program in its own way, such as in another mount namespace: its last arguments are ours. */
  readonly within?: readonly string[]
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The command line as a process of its own. Node is started directly: npm would stand between it and signals. */
export class HeadraceProcess {
  readonly child: ChildProcessWithoutNullStreams
  #stdout = ''
  #stderr = ''
  readonly #closed: Promise<unknown[]>

  constructor(args: readonly string[], { cwd, env = {}, within = [] }: HeadraceOptions) {
    const { NO_COLOR: _no, FORCE_COLOR: _force, npm_execpath: _npm, ...inherited } = process.env
    const [command = process.execPath, ...first] = [...within, process.execPath]
    this.child = spawn(command, [...first, MAIN, ...args], { cwd, env: { ...inherited, ...env } })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    // A process that ends without reading its input is no failure of the test's.
    this.child.stdin.on('error', () => undefined)
    this.#closed = once(this.child, 'close')
  }

  /** Waits until stdout holds a line that matches, and gives the match. Fails when the process ends first. */
  line(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#matching(pattern, this.child.stdout, () => this.#stdout)
  }

  /** The same of stderr. */
  errorLine(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#matching(pattern, this.child.stderr, () => this.#stderr)
  }

  async #matching(pattern: RegExp, stream: Readable, text: () => string): Promise<RegExpMatchArray> {
    for (;;) {
      const match = text().match(pattern)
      if (match !== null) return match
      const ended = this.#closed.then(() => 'ended' as const)
      const more = once(stream, 'data').then(() => 'more' as const)
      if ((await Promise.race([ended, more])) === 'ended' && !pattern.test(text())) {
        throw new Error(`ended with ${this.child.exitCode} and no ${pattern} in:\n${this.#stdout}\n${this.#stderr}`)
      }
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  async ended(): Promise<Ended> {
    await this.#closed
    return { code: this.child.exitCode, stdout: this.#stdout, stderr: this.#stderr }
  }

  /** Ends the process cleanly, unless it has ended. */
  async stop(): Promise<Ended> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal('SIGTERM')
    return await this.ended()
  }
}

/** Runs a command to its end. */
export async function headrace(args: readonly string[], options: HeadraceOptions): Promise<Ended> {
  const running = new HeadraceProcess(args, options)
  running.child.stdin.end(options.input ?? '')
  return await running.ended()
}
