import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Broker, type BrokerOptions } from './broker.ts'
import { BrokerOptionsError, DataDirLockedError, PortInUseError, TlsUnusableError } from './errors.ts'
import { NETWORK_FLAGS, NETWORK_USAGE, networkOptionsOf } from './network-flags.ts'

const USAGE = `usage: main --data-dir DIR [--config num.partitions=4]…
  --config NAME=VALUE                        any of Kafka's broker configs, again for each
  --partitions N, --fsync always             short for num.partitions=N, log.flush.scheduler.interval.ms=0
${NETWORK_USAGE}`

/**
 * Runs a broker as a process of its own until SIGTERM or SIGINT, or with `--with-parent` until its standard input ends. Says where it listens
 * in one line of JSON on standard output; what goes wrong is one line each on standard error. Returns the exit code.
 */
export async function runBroker(args: readonly string[]): Promise<number> {
  try {
    const { options, withParent } = await parseCommand(args)
    const onError = (error: unknown) => process.stderr.write(`${complaint(error)}\n`)
    const broker = await Broker.start({ ...options, onError })
    const stopped = stopRequest(withParent)
    process.stdout.write(`${readyLine(broker)}\n`)
    await stopped
    await broker.close()
    return 0
  } catch (error) {
    process.stderr.write(`${complaint(error)}\n`)
    return 1
  }
}

function readyLine(broker: Broker): string {
  const listeners = Object.fromEntries(
    broker.listeners.map(({ protocol, host, port }) => [protocol, `${host}:${port}`]),
  )
  return JSON.stringify({ event: 'ready', address: broker.address, listeners, pid: process.pid })
}

/** With this package's own code in front, by which the parent knows what went wrong. */
function complaint(error: unknown): string {
  const isOurs = [PortInUseError, DataDirLockedError, TlsUnusableError, BrokerOptionsError].some(
    (ours) => error instanceof ours,
  )
  if (isOurs) return `${(error as PortInUseError).code}: ${(error as PortInUseError).message}`
  return error instanceof Error ? error.message : String(error)
}

async function parseCommand(args: readonly string[]): Promise<{ options: BrokerOptions; withParent: boolean }> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'data-dir': { type: 'string' },
      partitions: { type: 'string' },
      fsync: { type: 'string' },
      config: { type: 'string', multiple: true, default: [] },
      'with-parent': { type: 'boolean', default: false },
      ...NETWORK_FLAGS,
    },
  })
  const dataDir = values['data-dir']
  if (dataDir === undefined) throw new Error(USAGE)
  if (values.fsync !== undefined && values.fsync !== 'always') throw new Error(USAGE)
  const options: BrokerOptions = {
    dataDir,
    config: {
      ...(values.partitions !== undefined && { 'num.partitions': values.partitions }),
      ...(values.fsync === 'always' && { 'log.flush.scheduler.interval.ms': '0' }),
      ...Object.fromEntries(values.config.map(nameAndValue)),
    },
    ...(await networkOptionsOf(values)),
  }
  return { options, withParent: values['with-parent'] }
}

function nameAndValue(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new BrokerOptionsError(`--config takes NAME=VALUE, not "${text}"`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** Resolves when the process is told to stop, or its parent is gone: then the pipe that is its standard input ends. */
async function stopRequest(withParent: boolean): Promise<void> {
  const requests = [once(process, 'SIGTERM'), once(process, 'SIGINT')]
  if (withParent) {
    requests.push(once(process.stdin, 'end'), once(process.stdin, 'close'))
    process.stdin.resume()
  }
  await Promise.race(requests)
  if (withParent) process.stdin.destroy()
}
