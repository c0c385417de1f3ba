import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(import.meta.resolve('@headrace/broker/main'))

interface BrokerProcessOptions {
  readonly port?: number
  readonly env?: NodeJS.ProcessEnv
  /** Kafka's broker configs. */
  readonly configs?: Readonly<Record<string, string>>
  /** The program; from the sources unless told. */
  readonly main?: string
}

/** As the command line starts it. */
const NODE_OPTIONS = ['--max-semi-space-size=8', '--max-old-space-size=1024']

/** The embedded broker as a process of its own, on a free port. It goes when this process goes. */
export class BrokerProcess {
  readonly address: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.address = address
  }

  static async start(dataDir: string, options: BrokerProcessOptions = {}): Promise<BrokerProcess> {
    const args = [options.main ?? MAIN, '--data-dir', dataDir, '--port', String(options.port ?? 0), '--with-parent']
    for (const [name, value] of Object.entries(options.configs ?? {})) args.push('--config', `${name}=${value}`)
    const child = spawn(process.execPath, [...NODE_OPTIONS, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: options.env ?? process.env,
    })
    const lines = createInterface({ input: child.stdout })
    const [line] = await Promise.race([
      once(lines, 'line') as Promise<[string]>,
      once(child, 'exit').then(([code]) => {
        throw new Error(`the broker ended with exit code ${code} before it was ready`)
      }),
    ])
    const ready = JSON.parse(line) as { event: string; address: string }
    return new BrokerProcess(child, ready.address)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get port(): number {
    return Number(this.address.split(':')[1])
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** As if the machine had failed: nothing is flushed. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}
