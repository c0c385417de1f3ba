import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { adapters } from '@headrace/adapters'
import { type PipelineConfig, type PipelineStatus, parsePipeline, type RunMode, runPipeline } from '@headrace/core'
import { DemoFileError } from '../errors.ts'
import { examplePath } from '../examples.ts'
import type { DevServices } from '../services/index.ts'

/** The pipeline that the demo runs. */
const DEMO_FILE = 'trades-per-minute.yaml'

/** Topic of the demo's pipeline. */
export const DEMO_TOPIC = 'trades'

export interface DemoPipeline {
  readonly config: PipelineConfig
  /** Relative to the working directory where it lies below it. */
  readonly file: string
}

/** The example pipeline as it is shipped. Throws DEMO_FILE_INVALID where someone has changed it beyond running. */
export async function loadDemoPipeline(): Promise<DemoPipeline> {
  const absolute = examplePath(DEMO_FILE)
  const file = shortPath(absolute)
  const { config, problems } = parsePipeline(await readFile(absolute, 'utf8'), file, adapters)
  const first = problems[0]
  if (config !== undefined && first === undefined) return { config, file }
  throw new DemoFileError(
    { file, reason: first?.message ?? 'unknown' },
    first?.place === undefined ? {} : { place: first.place },
  )
}

function shortPath(absolute: string): string {
  const relative = path.relative(process.cwd(), absolute)
  return relative.startsWith('..') ? absolute : relative
}

export interface DemoRun {
  readonly config: PipelineConfig
  readonly services: DevServices
  readonly folder: string
  readonly mode: RunMode
  readonly drain: boolean
  readonly signal: AbortSignal
  readonly onStatus: (status: PipelineStatus) => void
  readonly onLog: (text: string) => void
}

/** Runs the pipeline in this process, against the demo's own services and nothing else. */
export async function runDemoPipeline(run: DemoRun): Promise<PipelineStatus> {
  const { config, services, folder, mode, drain, signal } = run
  const { status } = await runPipeline({
    config,
    adapters,
    connection: (type) => connectionTo(services, type),
    dataDirectory: path.resolve(folder),
    mode,
    drain,
    signal,
    observer: {
      status: run.onStatus,
      log: ({ level, message }) => {
        if (level === 'warn' || level === 'error') run.onLog(message)
      },
    },
  })
  return status
}

function connectionTo({ broker, postgres }: DevServices, type: string): unknown {
  if (type === 'kafka') return { bootstrap: broker.bootstrap, clientId: 'headrace-demo' }
  return { url: postgres?.url }
}
