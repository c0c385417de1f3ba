import type { TriggerConfig } from '../config/pipeline-config.ts'
import type { Positions } from '../model/index.ts'
import type { EpochContext } from './epoch.ts'
import type { RunMode } from './options.ts'
import type { SinkQueue } from './outbox.ts'
import type { Reader } from './reader.ts'

export interface ScheduleOptions {
  readonly reader: Reader
  readonly queues: readonly SinkQueue[]
  readonly trigger: TriggerConfig
  readonly context: Pick<EpochContext, 'plan' | 'watermarks'>
  readonly startedAt: number
}

/** Decides when the next epoch is due and when a run has reached its end. Times are ms of the machine's clock. */
export class Schedule {
  readonly #options: ScheduleOptions
  #epochStartedAt = Number.NEGATIVE_INFINITY
  #recordsSeenAt: number

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#recordsSeenAt = options.startedAt
  }

  get epochStartedAt(): number {
    return this.#epochStartedAt
  }

  epochStarts(now: number): void {
    this.#epochStartedAt = now
    if (this.#options.reader.gathered.records > 0) this.#recordsSeenAt = now
  }

  /** Whether an epoch should be made of what has been gathered. */
  due(now: number): boolean {
    const { reader, trigger } = this.#options
    if (reader.full) return true
    const since = now - this.#epochStartedAt
    // Negative when the machine's clock was set back: nothing waits for it to catch up.
    if (since >= 0 && since < trigger.intervalMs) return false
    return reader.gathered.positions.size > 0 || this.#rollDue(now) || this.#becomesIdle()
  }

  /** How long there may be nothing to do, in ms: until the trigger, a batch's time, the idle time. */
  msUntilDue(mode: RunMode, now: number): number {
    const { reader, queues, trigger } = this.#options
    const waits = [1000]
    const next = this.#epochStartedAt + trigger.intervalMs - now
    if (reader.gathered.positions.size > 0) waits.push(next)
    for (const queue of queues) if (queue.dueAt !== undefined) waits.push(Math.max(next, queue.dueAt - now))
    if (mode.kind === 'untilIdle') waits.push(this.#recordsSeenAt + mode.idleMs - now)
    return Math.max(1, Math.min(...waits))
  }

  /** Whether the mode's goal is reached, so that only the rest of what has been gathered is to be done. */
  isLast(mode: RunMode, goal: Positions | undefined, now: number): boolean {
    const { reader } = this.#options
    const { gathered } = reader
    if (gathered.records > 0 || now < this.#recordsSeenAt) this.#recordsSeenAt = now
    if (reader.ended) return true
    if (mode.kind === 'untilIdle') {
      return gathered.records === 0 && now - this.#recordsSeenAt >= mode.idleMs && gathered.atEnd.size > 0
    }
    const { assigned } = reader
    if (goal === undefined || assigned === undefined) return false
    for (const [partition, end] of goal) {
      // What has gone to another process is that one's to read.
      if (!assigned.has(partition)) continue
      const position = reader.positions.get(partition)
      if (gathered.atEnd.has(partition)) continue
      if (position === undefined || (reader.source.distance?.(position, end) ?? 1) > 0) return false
    }
    return true
  }

  #rollDue(now: number): boolean {
    return this.#options.queues.some((queue) => queue.dueAt !== undefined && queue.dueAt <= now)
  }

  /** Whether a partition has been at its end for the idle time, so that the watermark may move on without it. */
  #becomesIdle(): boolean {
    const { reader, context } = this.#options
    const timeout = context.plan.input.eventTime?.idleTimeoutMs
    if (timeout === undefined || context.watermarks === undefined) return false
    const idle = new Set(context.watermarks.idlePartitions())
    return [...reader.gathered.atEnd].some(
      ([partition, { since, until }]) => until - since >= timeout && !idle.has(partition),
    )
  }
}
