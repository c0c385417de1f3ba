import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { median, perSecond, round } from './figures.ts'
import { runPipelineProcess, runProcess } from './processes.ts'
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
      const own = await runPipelineProcess(workload.pipeline, scene, broker, data, options.cpuProfileDirectory)
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
  await runPipelineProcess(workload.pipeline, scene, scene.brokers[0] as LoadedBroker, data)
  await rm(data, { recursive: true, force: true })
}

async function runLimit(workload: Workload, scene: Scene, output: string): Promise<Usage> {
  await rm(output, { force: true })
  const sql = workload.limit.replace('{input}', scene.ndjson).replace('{output}', output)
  return JSON.parse(await runProcess('limit-process.ts', { sql }, scene, [])) as Usage
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
