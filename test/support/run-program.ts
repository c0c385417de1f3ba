import { type SpawnOptions, spawn } from 'node:child_process'

/** How much of what a program says is kept for the message of its failure. */
const KEPT_CHARACTERS = 4000

/** A program that could not be started, or ended otherwise than it should. */
class ProgramFailedError extends Error {
  override readonly name = 'ProgramFailedError'
}

interface RunOptions extends SpawnOptions {
  /** What it reads on standard input; nothing unless told. */
  readonly input?: string
}

/** Runs a program to its end; gives what it wrote on standard output. Throws unless it ends with 0. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const { input, ...rest } = options
  const child = spawn(command, args, { ...rest, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  // One that ends before it has read all says why by its exit code.
  child.stdin?.on('error', () => undefined).end(input)
  let output = ''
  let complaints = ''
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString()
  })
  child.stderr?.on('data', (text: Buffer) => {
    complaints = (complaints + text.toString()).slice(-KEPT_CHARACTERS)
  })
  child.on('error', (error) => reject(new ProgramFailedError(`${command}: ${error.message}`)))
  child.on('close', (code, signal) => {
    if (code === 0) resolve(output)
    else {
      const said = (output + complaints).slice(-KEPT_CHARACTERS).trim()
      reject(new ProgramFailedError(`${command} ended with ${code ?? signal}: ${said}`))
    }
  })
  return promise
}
