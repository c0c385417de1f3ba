import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { HeadraceError } from '@headrace/core/errors'
import { makeDataFolder } from '@headrace/core/folders'
import { type BrokerSecurity, planSecurity } from './broker-security.ts'
import { BrokerFailedError, BrokerSettingsError, ServiceDataInUseError, ServicePortInUseError } from './errors.ts'

const require = createRequire(import.meta.url)

const STOP_TIMEOUT_MS = 15_000
const KEPT_STDERR_CHARS = 4_000

/**
 * Short-lived objects get little room, and the others a limit: without one, where there is much memory, V8 lets garbage grow to four
 * times of what is in use. Clients in a bad mood would otherwise double what the broker takes.
 */
const NODE_OPTIONS = ['--max-semi-space-size=8', '--max-old-space-size=1024']

export interface BrokerServiceOptions {
  /** The broker's own folder, `<data>/broker`; made when it is not there, used again when it is. */
  readonly directory: string
  readonly host?: string
  /** Any free one unless given. */
  readonly port?: number
  /** Partitions of topics that are made by being used. */
  readonly partitions?: number
  /** Kafka's broker configs by their names. */
  readonly config?: Readonly<Record<string, string>>
  /** A listener beside the one in plain text. */
  readonly security?: BrokerSecurity
}

export interface BrokerService {
  /** `host:port`, Kafka's `bootstrap.servers`. */
  readonly bootstrap: string
  readonly host: string
  readonly port: number
  readonly pid: number
  /** All listeners by what they speak: `SASL_SSL` and its `host:port`. */
  readonly listeners: Readonly<Record<string, string>>
  /** Settles when the broker has ended, whatever ended it. */
  readonly exited: Promise<void>
  /** Flushes and stops the broker; safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts the embedded broker as a child process, which goes away with this one. Throws EMBEDDED_BROKER_FAILED,
 * SERVICE_PORT_IN_USE or SERVICE_DATA_IN_USE.
 */
export async function startBroker(options: BrokerServiceOptions): Promise<BrokerService> {
  const directory = path.resolve(options.directory)
  await makeDataFolder(directory, 0o700)
  const main = require.resolve('@headrace/broker/main')
  const child = spawn(process.execPath, [...NODE_OPTIONS, main, ...brokerArguments(directory, options)], {
    // A session of its own: Ctrl-C must reach this process, which then stops the broker last.
    detached: true,
    // The broker ends when this pipe does: `--with-parent`.
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // Writing to a broker that has just ended is no news: its exit is seen below.
  child.stdin.on('error', () => undefined)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const { address, listeners } = await readiness(child, directory, options)
  const { hostname, port } = new URL(`kafka://${address}`)
  return {
    bootstrap: address,
    host: hostname,
    port: Number(port),
    pid: child.pid ?? 0,
    listeners,
    exited,
    stop: () => stopBroker(child, exited),
  }
}

function brokerArguments(directory: string, options: BrokerServiceOptions): string[] {
  const { host, port = 0, security } = options
  const args = ['--data-dir', directory, '--with-parent']
  if (security !== undefined) args.push(...planSecurity(port, security))
  else args.push('--port', String(port), ...(host === undefined ? [] : ['--host', host]))
  if (options.partitions !== undefined) args.push('--partitions', String(options.partitions))
  for (const [name, value] of Object.entries(options.config ?? {})) args.push('--config', `${name}=${value}`)
  return args
}

interface ReadyLine {
  readonly event: string
  readonly address: string
  readonly listeners: Readonly<Record<string, string>>
}

/** The broker says on one line of its output where it listens; anything else it does first is a failure. */
function readiness(child: ChildProcess, directory: string, options: BrokerServiceOptions): Promise<ReadyLine> {
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-KEPT_STDERR_CHARS)
  })
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new BrokerFailedError({ reason: cause.message, directory }, { cause })))
    // `close`, not `exit`: by then all it said has been read.
    child.once('close', (status, signal) => {
      reject(startFailure(complaint.trim() || `it ended with ${status ?? signal}`, directory, options))
    })
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      const ready = parseReadyLine(line)
      if (ready !== undefined) resolve(ready)
    })
  })
}

function parseReadyLine(line: string): ReadyLine | undefined {
  try {
    const message = JSON.parse(line) as Partial<ReadyLine>
    return message.event === 'ready' && typeof message.address === 'string' ? (message as ReadyLine) : undefined
  } catch {
    return undefined
  }
}

/** The broker knows nothing of the catalogue: its own codes become catalogue errors here. */
function startFailure(reason: string, directory: string, options: BrokerServiceOptions): HeadraceError {
  if (reason.includes('BROKER_PORT_IN_USE')) {
    return new ServicePortInUseError({ service: 'broker', port: options.port ?? 0 })
  }
  const [, unusable] = /BROKER_(?:OPTIONS_INVALID|TLS_UNUSABLE): (.*)/.exec(reason) ?? []
  if (unusable !== undefined) return new BrokerSettingsError({ reason: unusable })
  if (reason.includes('BROKER_DATA_DIR_LOCKED')) return new ServiceDataInUseError({ service: 'broker', directory })
  return new BrokerFailedError({ reason, directory })
}

async function stopBroker(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
}
