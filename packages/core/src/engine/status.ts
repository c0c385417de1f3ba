/** Counts since the state was made; exact, because they are committed with the rows that they count. */
export interface RecordCounts {
  /** Records taken from the source. read = dead + decoded. */
  readonly read: number
  readonly readBytes: number
  /** Gone before they could be read (retention), and passed over because the source was told to. */
  readonly skipped: number
  /** Rejected by the decoder, or for their event time. In the dead letters. */
  readonly dead: number
  readonly decoded: number
}

export interface WindowCounts {
  /** Rows of the window's input that went into its state. */
  readonly accepted: number
  /** Late against their own partition's watermark. */
  readonly late: number
  /** Late only because the window had already fired: a partition appeared or returned with old records. */
  readonly lateBehindHorizon: number
  /** Decoded rows that a step before the window took away: decoded − accepted − late − lateBehindHorizon. */
  readonly filtered: number
  /** Of the accepted rows, those whose window has fired; the others are still open. */
  readonly fired: number
  readonly open: number
  /** Windows closed: distinct (window_start, window_end), and rows given out. */
  readonly windowsClosed: number
  readonly rowsOut: number
}

export interface SinkCounts {
  /** Rows committed for the sink, and rows that the sink holds. */
  readonly rows: number
  readonly published: number
  readonly rejected: number
  readonly batches: number
  readonly pendingBatches: number
  readonly pendingBytes: number
  /** Set while the sink is being retried. */
  readonly problem?: StatusProblem & { readonly attempts: number; readonly nextAttemptAt: number }
}

export interface StatusProblem {
  readonly code: string
  readonly message: string
  readonly hint: string
}

export type PipelineState = 'starting' | 'running' | 'paused' | 'draining' | 'stopped' | 'finished' | 'failed'

/** What `status.json` beside the state holds, and what live output is drawn from. Times are ms since the Unix epoch. */
export interface PipelineStatus {
  readonly pipeline: string
  readonly incarnation: string
  readonly state: PipelineState
  readonly pid: number
  readonly startedAt: number
  readonly updatedAt: number
  readonly epoch: number
  readonly records: RecordCounts
  /** This run's speed over the last seconds. */
  readonly recordsPerSecond: number
  /** The pipeline's watermark; null before every partition has shown a time. */
  readonly watermark: number | null
  readonly partitions: Readonly<Record<string, { readonly position: unknown; readonly watermark: number | null }>>
  readonly windows: Readonly<Record<string, WindowCounts>>
  readonly sinks: Readonly<Record<string, SinkCounts>>
  /** Why reading stands still (`state: paused`), or why the pipeline failed. */
  readonly problem?: StatusProblem
  /** ms from the start of the run to its first committed rows for a sink; null until then. */
  readonly firstResultMs: number | null
}
