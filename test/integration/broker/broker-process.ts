import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(import.meta.resolve('@headrace/broker/main'))

/** A broker in a process of its own, which a test can kill. */
export class BrokerProcess {
  readonly address: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.address = address
  }

  static start(dataDir: string, ...args: string[]): Promise<BrokerProcess> {
    return BrokerProcess.#spawn(process.execPath, commandOf(dataDir, args))
  }

  /** A broker whose files cannot grow beyond a few blocks: its writes fail as on a full disk. */
  static startCramped(dataDir: string, ...args: string[]): Promise<BrokerProcess> {
    return BrokerProcess.#spawn('sh', [
      '-c',
      'ulimit -f 40 && exec "$0" "$@"',
      process.execPath,
      ...commandOf(dataDir, args),
    ])
  }

  /** A broker that is started by another command, which its own follows. */
  static startWithin(
    [command = '', ...before]: readonly string[],
    dataDir: string,
    ...args: string[]
  ): Promise<BrokerProcess> {
    return BrokerProcess.#spawn(command, [...before, process.execPath, ...commandOf(dataDir, args)])
  }

  static async #spawn(command: string, args: readonly string[]): Promise<BrokerProcess> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })
    const line = await Promise.race([
      once(lines, 'line').then(([text]) => String(text)),
      once(child, 'exit').then(([code]) =>
        Promise.reject(new Error(`the broker ended with ${code} before it was ready`)),
      ),
    ])
    const ready = JSON.parse(line) as { event: string; address: string; pid: number }
    if (ready.event !== 'ready' || ready.pid !== child.pid) throw new Error(`the broker said ${line}`)
    return new BrokerProcess(child, ready.address)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get port(): string {
    return this.address.split(':')[1] ?? ''
  }

  /** Ends the process with `signal`; gives its exit code and the signal that it ended by. */
  async end(signal: NodeJS.Signals): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      return [this.#child.exitCode, this.#child.signalCode]
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    const [code, endedBy] = await exited
    return [code, endedBy]
  }

  /** Ends the process's standard input, as the end of its parent would, and waits until it is gone. */
  async orphan(): Promise<number | null> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin?.end()
    return (await exited)[0]
  }
}

function commandOf(dataDir: string, args: readonly string[]): string[] {
  return [MAIN, '--data-dir', dataDir, '--with-parent', ...args]
}
