import type { PipelinePlan, Position, Watermarks } from '../model/index.ts'
import { type EpochOutcome, emptyTotals } from './epoch.ts'
import type { EpochInput } from './epoch-input.ts'
import type { SinkQueue } from './outbox.ts'
import { type Checkpoint, type CommittedCounts, newIncarnation, windowFingerprints } from './state.ts'

/** What the next checkpoint will say: the last one, and what the epoch under way has added to it. */
export class Ledger {
  readonly incarnation: string
  readonly counts: CommittedCounts
  readonly positions: Map<string, Position>
  epoch: number
  clock: number
  finished: boolean
  readonly #fingerprints: Record<string, string>
  /** Of sinks that are in the file no more: they may come back. */
  readonly #formerSinks: Checkpoint['sinks']

  constructor(plan: PipelinePlan, sinkNames: readonly string[], last: Checkpoint | undefined) {
    this.incarnation = last?.incarnation ?? newIncarnation()
    this.epoch = last?.epoch ?? 0
    this.clock = last?.clock ?? 0
    this.finished = last?.finished ?? false
    this.positions = new Map(Object.entries(last?.positions ?? {}))
    this.counts = last?.counts ?? { read: 0, readBytes: 0, dead: 0, decoded: 0, windows: {}, sinks: {} }
    for (const relation of plan.relations) {
      if (relation.kind === 'window') this.counts.windows[relation.name] ??= emptyTotals()
    }
    for (const name of sinkNames) this.counts.sinks[name] ??= { rows: 0, published: 0, rejected: 0, batches: 0 }
    this.#fingerprints = windowFingerprints(plan)
    this.#formerSinks = last?.sinks ?? {}
  }

  /** Starts the next epoch; its clock never runs backwards. */
  begin(now: number): void {
    this.epoch++
    this.clock = Math.max(this.clock, now)
  }

  add(input: EpochInput, outcome: EpochOutcome): void {
    for (const [partition, position] of input.positions) this.positions.set(partition, position)
    this.counts.read += input.records
    this.counts.readBytes += input.bytes
    this.counts.skipped = (this.counts.skipped ?? 0) + input.skipped
    this.counts.dead += outcome.dead
    this.counts.decoded += outcome.decoded
    for (const [name, added] of Object.entries(outcome.windows)) {
      const totals = (this.counts.windows[name] ??= emptyTotals())
      totals.accepted += added.accepted
      totals.late += added.late
      totals.behindHorizon += added.behindHorizon
      totals.fired += added.fired
      totals.windowsClosed += added.windowsClosed
      totals.rowsOut += added.rowsOut
    }
    for (const { sink, files } of outcome.staged) {
      const totals = this.counts.sinks[sink]
      if (totals !== undefined) totals.rows += files.reduce((sum, file) => sum + file.rows, 0)
    }
  }

  /** `forgotten`: the batches up to which the same commit takes out of the outbox, by queue. */
  checkpoint(
    queues: readonly SinkQueue[],
    watermarks: Watermarks | undefined,
    forgotten: ReadonlyMap<SinkQueue, number>,
  ): Checkpoint {
    const horizon = watermarks?.horizon
    return {
      version: 1,
      incarnation: this.incarnation,
      epoch: this.epoch,
      clock: this.clock,
      horizon:
        horizon === undefined || horizon === Number.NEGATIVE_INFINITY
          ? null
          : Math.min(horizon, Number.MAX_SAFE_INTEGER),
      finished: this.finished,
      positions: Object.fromEntries(this.positions),
      clocks: watermarks?.snapshot() ?? {},
      counts: { ...this.counts, sinks: this.#sinkCounts(queues, forgotten) },
      sinks: {
        ...this.#formerSinks,
        ...Object.fromEntries(queues.map((queue) => [queue.name, queue.checkpoint()])),
      },
      windows: this.#fingerprints,
    }
  }

  /** A batch that stays in the outbox is published, and counted, again after a crash. */
  #sinkCounts(queues: readonly SinkQueue[], forgotten: ReadonlyMap<SinkQueue, number>): CommittedCounts['sinks'] {
    const sinks = { ...this.counts.sinks }
    for (const queue of queues) {
      const totals = sinks[queue.name]
      if (totals === undefined) continue
      const { rows, batches } = queue.publishedAfter(forgotten.get(queue) ?? 0)
      sinks[queue.name] = { ...totals, published: totals.published - rows, batches: totals.batches - batches }
    }
    return sinks
  }
}
