import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { AdapterDefinition, LogLine } from '../model/index.ts'
import type { PipelineStatus } from './status.ts'

/** The named steps of an epoch, in order. Publishing and acknowledging happen beside later epochs. */
export type EpochStep = 'read' | 'run' | 'stage' | 'commit' | 'publish' | 'acknowledge'

/** What the engine tells while it works. The recovery tests kill the process from `step`. */
export interface EngineObserver {
  step?(step: EpochStep, when: 'before' | 'after', epoch: number): void
  /** After each epoch and each publication, and about once a second in between. */
  status?(status: PipelineStatus): void
  log?(line: LogLine): void
}

/** When a run ends by itself. `continuous` ends only by its signal. */
export type RunMode =
  | { readonly kind: 'continuous' }
  /** Everything there at the start, in as many epochs as it takes (Spark's availableNow). Open windows stay in the state. */
  | { readonly kind: 'once' }
  /** Until nothing has arrived for so long. */
  | { readonly kind: 'untilIdle'; readonly idleMs: number }

export interface RunOptions {
  readonly config: PipelineConfig
  readonly adapters: readonly AdapterDefinition[]
  /** The settings of a connection by type and name, already checked against the adapter's schema. Throws a catalogue error. */
  readonly connection: (type: string, name: string) => unknown
  /** `.headrace`: `pipelines/<name>/` and `lake/` lie in it. */
  readonly dataDirectory: string
  readonly mode: RunMode
  /** At the end: raise the watermark to infinity, fire every window, mark the pipeline finished. */
  readonly drain: boolean
  /** Ends the run cleanly: the epoch under way is committed or given up, publications finish, everything is closed. */
  readonly signal: AbortSignal
  readonly observer?: EngineObserver
  /** DuckDB's threads for one statement and its memory; half the cores and DuckDB's default unless told. */
  readonly threads?: number
  readonly memoryLimit?: string
  /** The machine's clock (ms); tests give a virtual one. */
  readonly now?: () => number
}

export interface RunResult {
  readonly status: PipelineStatus
}

/** Runs one pipeline to its end. Throws a catalogue error (`HeadraceError`) when it fails; the state then goes on from its last commit. */
export type RunPipeline = (options: RunOptions) => Promise<RunResult>
