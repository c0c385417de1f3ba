import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.resolve('headrace')))

export interface HeadraceOptions {
  readonly cwd: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
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

  constructor(args: readonly string[], { cwd, env = {} }: HeadraceOptions) {
    const { NO_COLOR: _no, FORCE_COLOR: _force, npm_execpath: _npm, ...inherited } = process.env
    this.child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...inherited, ...env } })
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
  async line(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.#stdout.match(pattern)
      if (match !== null) return match
      const ended = this.#closed.then(() => 'ended' as const)
      const more = once(this.child.stdout, 'data').then(() => 'more' as const)
      if ((await Promise.race([ended, more])) === 'ended' && !pattern.test(this.#stdout)) {
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
