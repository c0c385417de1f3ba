import path from 'node:path'
import { adapters } from '@headrace/adapters'
import {
  type LogLine,
  loadConnections,
  makeDataFolder,
  type PipelineConfig,
  type PipelineStatus,
  type RunMode,
  type RunResult,
  runPipeline,
} from '@headrace/core'

export interface ConfiguredRun {
  readonly config: PipelineConfig
  /** The pipeline file: connections are looked for beside it. */
  readonly file: string
  readonly dataDirectory: string
  readonly mode: RunMode
  readonly drain: boolean
  readonly signal: AbortSignal
  readonly threads?: number
  readonly memoryLimit?: string
  readonly onStatus: (status: PipelineStatus) => void
  /** What a user should read while it runs. */
  readonly onLog: (text: string) => void
}

/** Runs a pipeline with the connections of its `headrace.yaml` and of the running development services. */
export async function runConfigured(run: ConfiguredRun): Promise<RunResult> {
  const { config, signal, mode, drain, onStatus, onLog } = run
  const dataDirectory = path.resolve(run.dataDirectory)
  await makeDataFolder(run.dataDirectory)
  const tell = ({ level, code, message, hint }: LogLine) => {
    if (level === 'debug') return
    const line = [code, message].filter((part) => part !== undefined).join('  ')
    onLog(hint === undefined ? line : `${line}\n  hint: ${hint}`)
  }
  const connections = await loadConnections({ adapters, directory: path.dirname(run.file), dataDirectory, log: tell })
  return await runPipeline({
    config,
    adapters,
    connection: (type, name) => connections.resolve(type, name),
    dataDirectory,
    mode,
    drain,
    signal,
    ...(run.threads === undefined ? {} : { threads: run.threads }),
    ...(run.memoryLimit === undefined ? {} : { memoryLimit: run.memoryLimit }),
    observer: { status: onStatus, log: tell },
  })
}
