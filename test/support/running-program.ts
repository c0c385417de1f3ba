import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

interface RunningOptions<Line> {
  readonly env?: NodeJS.ProcessEnv
  /** What a line of its output is; the line itself unless told. */
  readonly parse?: (line: string) => Line
}

/** A program of another language that goes on while a test looks at what it says, line by line. */
export class RunningProgram<Line = string> {
  readonly lines: Line[] = []
  readonly complaints: string[] = []
  /** Throws unless it ends with 0. */
  readonly ended: Promise<void>
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>

  constructor(command: string, args: readonly string[], options: RunningOptions<Line> = {}) {
    const { env = process.env, parse = (line: string) => line as Line } = options
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdin.on('error', () => undefined)
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.lines.push(parse(line)))
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.complaints.push(line))
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}: ${this.#lastWords()}`)
    })
    // Awaited later; a failure before that is told then.
    this.ended.catch(() => undefined)
  }

  write(text: string): void {
    this.#child.stdin.write(text)
  }

  endInput(): void {
    this.#child.stdin.end()
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal)
    await this.ended.catch(() => undefined)
  }

  #lastWords(): string {
    return this.complaints.join('\n').slice(-2000)
  }
}
