import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import type { LoadedBroker, Scene } from './scene.ts'
import type { Usage } from './usage.ts'
import type { Workload } from './workloads.ts'

export interface PairLine {
  readonly bench: string
  readonly broker: LoadedBroker['name']
  readonly pair: number
  readonly recordsPerSecond: number
  readonly limitRecordsPerSecond: number
  readonly limitRatio: number
  readonly cpuSeconds: number
  readonly limitCpuSeconds: number
  readonly peakRssMb: number
  /** Process start to exit, with loading and planning. */
  readonly coldSeconds: number
  readonly firstResultMs: number | null
  readonly exact: boolean
}

export interface WorkloadResult extends Omit<PairLine, 'pair'> {
  readonly median: true
  readonly pairs: number
  readonly goal: number
}

interface PipelineLine extends Usage {
  readonly firstResultMs: number | null
  readonly coldSeconds: number
}

/**
 * Runs a limit, then the workload from each broker, again and again, so that all see the same machine, and checks every result.
 * Gives a summary for each broker.
 */
export async function runWorkload(
  workload: Workload,
  scene: Scene,
  options: { pairs: number; cpuProfileDirectory?: string; onPair: (line: PairLine) => void },
): Promise<WorkloadResult[]> {
  const lines: PairLine[] = []
  await compile(workload, scene)
  for (let pair = 1; pair <= options.pairs; pair++) {
    const limitOutput = join(scene.directory, `${workload.name}-limit.parquet`)
    const limit = await runLimit(workload, scene, limitOutput)
    for (const broker of pair % 2 === 1 ? scene.brokers : scene.brokers.toReversed()) {
      const data = join(scene.directory, `${workload.name}-${pair}`)
      const own = await runPipelineProcess(workload, scene, broker, data, options.cpuProfileDirectory)
      const exact = await sameRows(workload, limitOutput, join(data, 'lake', workload.name))
      await rm(data, { recursive: true, force: true })
      const line = {
        bench: workload.name,
        broker: broker.name,
        pair,
        recordsPerSecond: perSecond(scene.records, own.wallMs),
        limitRecordsPerSecond: perSecond(scene.records, limit.wallMs),
        limitRatio: round(limit.wallMs / own.wallMs),
        cpuSeconds: round(own.cpuSeconds),
        limitCpuSeconds: round(limit.cpuSeconds),
        peakRssMb: own.peakRssMb,
        coldSeconds: round(own.coldSeconds),
        firstResultMs: own.firstResultMs,
        exact,
      }
      options.onPair(line)
      lines.push(line)
    }
  }
  return scene.brokers.map(({ name }) => summary(workload, name, lines))
}

function summary(workload: Workload, broker: LoadedBroker['name'], all: readonly PairLine[]): WorkloadResult {
  const lines = all.filter((line) => line.broker === broker)
  const of = (pick: (line: PairLine) => number) => median(lines.map(pick))
  return {
    bench: workload.name,
    broker,
    median: true,
    pairs: lines.length,
    goal: workload.goal,
    recordsPerSecond: of((line) => line.recordsPerSecond),
    limitRecordsPerSecond: of((line) => line.limitRecordsPerSecond),
    limitRatio: of((line) => line.limitRatio),
    cpuSeconds: of((line) => line.cpuSeconds),
    limitCpuSeconds: of((line) => line.limitCpuSeconds),
    peakRssMb: Math.max(...lines.map((line) => line.peakRssMb)),
    coldSeconds: of((line) => line.coldSeconds),
    firstResultMs: of((line) => line.firstResultMs ?? Number.NaN),
    exact: lines.every((line) => line.exact),
  }
}

/** A run that counts for nothing but the compile cache. */
async function compile(workload: Workload, scene: Scene): Promise<void> {
  const data = join(scene.directory, 'compile')
  await runPipelineProcess(workload, scene, scene.brokers[0] as LoadedBroker, data, undefined)
  await rm(data, { recursive: true, force: true })
}

async function runLimit(workload: Workload, scene: Scene, output: string): Promise<Usage> {
  await rm(output, { force: true })
  const sql = workload.limit.replace('{input}', scene.ndjson).replace('{output}', output)
  return JSON.parse(await runProcess('limit-process.ts', { sql }, scene, [])) as Usage
}

async function runPipelineProcess(
  workload: Workload,
  scene: Scene,
  { bootstrap }: LoadedBroker,
  dataDirectory: string,
  profile: string | undefined,
): Promise<PipelineLine> {
  await mkdir(dataDirectory, { recursive: true })
  const startedAt = performance.now()
  const job = { pipeline: workload.pipeline, bootstrap, dataDirectory }
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const line = JSON.parse(await runProcess('pipeline-process.ts', job, scene, flags)) as PipelineLine
  return { ...line, coldSeconds: (performance.now() - startedAt) / 1000 }
}

/** Runs one of the bench's processes on a job and gives what it prints. */
async function runProcess(script: string, job: unknown, scene: Scene, flags: readonly string[]): Promise<string> {
  const file = join(scene.directory, 'job.json')
  await writeFile(file, JSON.stringify(job))
  const path = fileURLToPath(new URL(script, import.meta.url))
  const warnings = ['--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning']
  // As the published JavaScript runs: without what strips the types in memory.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(scene.directory, 'compiled') }
  const child = spawn(process.execPath, [...flags, ...warnings, path, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${output}`)
  return output
}

/** Whether the pipeline's Parquet files hold exactly the rows of the limit's. */
async function sameRows(workload: Workload, limitOutput: string, lake: string): Promise<boolean> {
  const files = (await readdir(lake)).filter((name) => name.endsWith('.parquet')).map((name) => `'${join(lake, name)}'`)
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const own = workload.compare.replace('{output}', `[${files.join(', ')}]`)
  const expected = workload.compare.replace('{output}', `'${limitOutput}'`)
  const reader = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER AS n FROM ((${own} EXCEPT ALL ${expected}) UNION ALL (${expected} EXCEPT ALL ${own}))`,
  )
  connection.closeSync()
  instance.closeSync()
  return reader.getRows()[0]?.[0] === 0
}

function perSecond(records: number, ms: number): number {
  return Math.round((records / ms) * 1000)
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : round(((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2)
}
