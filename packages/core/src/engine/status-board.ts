import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HeadraceError } from '../errors/index.ts'
import type { EpochContext } from './epoch.ts'
import type { Ledger } from './ledger.ts'
import type { SinkQueue } from './outbox.ts'
import type { PublishProblem } from './publisher.ts'
import type { CommittedCounts } from './state.ts'
import type { PipelineState, PipelineStatus, SinkCounts, StatusProblem, WindowCounts } from './status.ts'

export function problemOf(error: HeadraceError): StatusProblem {
  return { code: error.code, message: error.message, hint: error.hint }
}

/** What the status is drawn from; the engine keeps it up to date. */
export interface StatusSource {
  readonly pipeline: string
  readonly incarnation: string
  readonly startedAt: number
  state: PipelineState
  epoch: number
  counts: CommittedCounts
  watermark: number | null
  partitions: PipelineStatus['partitions']
  pending: Record<string, { batches: number; bytes: number }>
  problems: Record<string, PublishProblem | undefined>
  problem: StatusProblem | undefined
  firstResultMs: number | null
}

/** Draws `PipelineStatus` from the engine's counts and keeps `status.json` beside the state no older than a second. */
export class StatusBoard {
  readonly source: StatusSource
  readonly #file: string
  readonly #observe: (status: PipelineStatus) => void
  readonly #rate: { at: number; read: number }[] = []
  #writing: Promise<void> | undefined
  #writtenAt = 0

  constructor(source: StatusSource, directory: string, observe: (status: PipelineStatus) => void) {
    this.source = source
    this.#file = join(directory, 'status.json')
    this.#observe = observe
  }

  /** Takes over what stands in the ledger, the watermarks and the queues now. */
  refresh(ledger: Ledger, context: Pick<EpochContext, 'plan' | 'watermarks'>, queues: readonly SinkQueue[]): void {
    const clocks = context.watermarks?.snapshot() ?? {}
    const delayMs = context.plan.input.eventTime?.delayMs ?? 0
    const watermark = context.watermarks?.current()
    this.source.epoch = ledger.epoch
    this.source.watermark = watermark !== undefined && Number.isFinite(watermark) ? watermark : null
    this.source.partitions = Object.fromEntries(
      [...ledger.positions].map(([partition, position]) => {
        const maxTime = clocks[partition]?.maxTime ?? null
        return [partition, { position, watermark: maxTime === null ? null : maxTime - delayMs }]
      }),
    )
    this.source.pending = Object.fromEntries(
      queues.map((queue) => [queue.name, { batches: queue.pendingBatches, bytes: queue.pendingBytes }]),
    )
  }

  status(now: number): PipelineStatus {
    const { source } = this
    return {
      pipeline: source.pipeline,
      incarnation: source.incarnation,
      state: source.state,
      pid: process.pid,
      startedAt: source.startedAt,
      updatedAt: now,
      epoch: source.epoch,
      records: {
        read: source.counts.read,
        readBytes: source.counts.readBytes,
        skipped: source.counts.skipped ?? 0,
        dead: source.counts.dead,
        decoded: source.counts.decoded,
      },
      recordsPerSecond: this.#recordsPerSecond(now),
      watermark: source.watermark,
      partitions: source.partitions,
      windows: mapValues(source.counts.windows, (totals) => windowCounts(totals, source.counts.decoded)),
      sinks: mapValues(source.counts.sinks, (totals, name) => this.#sinkCounts(totals, name)),
      ...(source.problem === undefined ? {} : { problem: source.problem }),
      firstResultMs: source.firstResultMs,
    }
  }

  /** Tells the observer, and writes the file when it is older than a second (or at once when `force`). */
  async changed(now: number, force = false): Promise<void> {
    const status = this.status(now)
    this.#observe(status)
    if (force) {
      await this.#writing
      await this.#write(status)
    } else if (this.#writing === undefined && Math.abs(now - this.#writtenAt) >= 1000) {
      this.#writtenAt = now
      // The file is a copy for onlookers: where it cannot be written, the next commit fails and says why.
      this.#writing = this.#write(status)
        .catch(() => undefined)
        .finally(() => {
          this.#writing = undefined
        })
    }
  }

  async #write(status: PipelineStatus): Promise<void> {
    // Only the holder of the state's lock writes: one name, so that killed processes leave one file at most.
    const temporary = `${this.#file}.tmp`
    try {
      await writeFile(temporary, `${JSON.stringify(status, null, 2)}\n`)
      await rename(temporary, this.#file)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  #recordsPerSecond(now: number): number {
    this.#rate.push({ at: now, read: this.source.counts.read })
    while (this.#rate.length > 2 && now - (this.#rate[0] as { at: number }).at > 5000) this.#rate.shift()
    const first = this.#rate[0] as { at: number; read: number }
    const seconds = (now - first.at) / 1000
    return seconds < 0.05 ? 0 : Math.round((this.source.counts.read - first.read) / seconds)
  }

  #sinkCounts(totals: CommittedCounts['sinks'][string], name: string): SinkCounts {
    const pending = this.source.pending[name] ?? { batches: 0, bytes: 0 }
    const problem = this.source.problems[name]
    return {
      ...totals,
      pendingBatches: pending.batches,
      pendingBytes: pending.bytes,
      ...(problem === undefined
        ? {}
        : {
            problem: { ...problemOf(problem.error), attempts: problem.attempts, nextAttemptAt: problem.nextAttemptAt },
          }),
    }
  }
}

function windowCounts(totals: CommittedCounts['windows'][string], decoded: number): WindowCounts {
  return {
    accepted: totals.accepted,
    late: totals.late,
    lateBehindHorizon: totals.behindHorizon,
    filtered: decoded - totals.accepted - totals.late - totals.behindHorizon,
    fired: totals.fired,
    open: totals.accepted - totals.fired,
    windowsClosed: totals.windowsClosed,
    rowsOut: totals.rowsOut,
  }
}

function mapValues<V, R>(record: Readonly<Record<string, V>>, map: (value: V, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))
}
