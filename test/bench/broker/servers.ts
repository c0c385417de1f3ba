import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ApacheKafkaProcess } from '../../support/apache-kafka/kafka-process.ts'
import { BrokerProcess } from '../../support/broker-process.ts'
import { runProgram } from '../../support/run-program.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** As it is published: JavaScript, compiled by earlier runs. */
const PUBLISHED = {
  main: join(ROOT, 'packages/broker/dist/main.js'),
  env: { ...process.env, NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compiled') },
}

/** Makes what is measured. */
export async function buildPublished(): Promise<void> {
  await runProgram(process.execPath, [join(ROOT, 'scripts/build.ts')])
  const directory = await mkdtemp(join(tmpdir(), 'headrace-bench-broker-'))
  await (await timedStart(directory)).broker.stop()
  await rm(directory, { recursive: true, force: true })
}

/** One of the two that are compared, running. */
export interface Server {
  readonly name: 'embedded' | 'apache'
  readonly address: string
  readonly pid: number
  /** From the start of the process until it listens, ms. */
  readonly startMs: number
  stop(): Promise<void>
}

export type StartServer = () => Promise<Server>

export async function startEmbedded(): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'headrace-bench-broker-'))
  const { broker, startMs } = await timedStart(directory)
  return {
    name: 'embedded',
    address: broker.address,
    pid: broker.pid,
    startMs,
    async stop() {
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** `startMs`: from the start of the process to its word that it listens. */
export async function timedStart(directory: string): Promise<{ broker: BrokerProcess; startMs: number }> {
  const startedAt = performance.now()
  const broker = await BrokerProcess.start(directory, PUBLISHED)
  return { broker, startMs: Math.round(performance.now() - startedAt) }
}

/** Its start includes the formatting of its folder, which it will not do without. */
export async function startApache(): Promise<Server> {
  const startedAt = performance.now()
  const kafka = await ApacheKafkaProcess.start()
  const startMs = Math.round(performance.now() - startedAt)
  return { name: 'apache', address: kafka.address, pid: kafka.pid, startMs, stop: () => kafka.stop() }
}

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const kilobytes = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Math.round(Number(kilobytes.trim()) / 1024)
}
