/** What the state keeps of one partition's event time. */
export interface PartitionClock {
  /** Highest event time seen, in ms; null before the first. */
  readonly maxTime: number | null
  /** A closed shard or finished file: it no longer holds the watermark back. */
  readonly ended: boolean
}

interface Clock {
  maxTime: number
  ended: boolean
  /** Since when (ms) every look at the partition found its end; undefined while it has records. */
  atEndSince: number | undefined
  idle: boolean
}

/**
 * The watermark of a pipeline: the lowest over its partitions of (highest event time − delay). It never falls. Pure: the
 * caller says what was seen and when.
 *
 * The horizon is the highest watermark that windows were fired with. A partition that appears starts there, since windows
 * before it are gone.
 */
export class Watermarks {
  readonly #delayMs: number
  readonly #idleTimeoutMs: number | undefined
  readonly #clocks = new Map<string, Clock>()
  #horizon: number

  constructor(options: { delayMs: number; idleTimeoutMs?: number | undefined; horizon?: number | null }) {
    this.#delayMs = options.delayMs
    this.#idleTimeoutMs = options.idleTimeoutMs
    this.#horizon = options.horizon ?? Number.NEGATIVE_INFINITY
  }

  get horizon(): number {
    return this.#horizon
  }

  /** Restores or adds a partition. Known partitions are left as they are. */
  assign(partition: string, clock: PartitionClock = { maxTime: null, ended: false }): void {
    if (this.#clocks.has(partition)) return
    this.#clocks.set(partition, {
      maxTime: clock.maxTime ?? Number.NEGATIVE_INFINITY,
      ended: clock.ended,
      atEndSince: undefined,
      idle: false,
    })
  }

  /** Forgets all other partitions: nothing will ever move them on. */
  keepOnly(partitions: ReadonlySet<string>): void {
    for (const partition of this.#clocks.keys()) if (!partitions.has(partition)) this.#clocks.delete(partition)
  }

  revoke(partition: string): void {
    this.#clocks.delete(partition)
  }

  end(partition: string): void {
    this.#clock(partition).ended = true
  }

  /** Records came: the partition is not idle. */
  seenRecords(partition: string): void {
    const clock = this.#clock(partition)
    clock.atEndSince = undefined
    clock.idle = false
  }

  /** A look at the partition at `observedAt` found no more records. */
  seenEnd(partition: string, observedAt: number): void {
    const clock = this.#clock(partition)
    clock.atEndSince ??= observedAt
    if (this.#idleTimeoutMs !== undefined && observedAt - clock.atEndSince >= this.#idleTimeoutMs) clock.idle = true
  }

  /** The partition's records up to here have been decoded and reach up to `maxTime`. */
  advance(partition: string, maxTime: number): void {
    const clock = this.#clock(partition)
    if (maxTime > clock.maxTime) clock.maxTime = maxTime
  }

  /** Highest event time of a partition, in ms; −∞ before the first. */
  maxTime(partition: string): number {
    return this.#clocks.get(partition)?.maxTime ?? Number.NEGATIVE_INFINITY
  }

  /** The pipeline's watermark now, in ms; −∞ while a partition that counts has shown no time. */
  current(): number {
    let lowest = Number.POSITIVE_INFINITY
    let counted = 0
    for (const clock of this.#clocks.values()) {
      if (clock.ended || clock.idle) continue
      counted++
      lowest = Math.min(lowest, clock.maxTime - this.#delayMs)
    }
    // All idle or ended: nothing pushes it on, it stands.
    return counted === 0 ? this.#horizon : Math.max(lowest, this.#horizon)
  }

  /** Windows up to `watermark` have been fired. */
  actedOn(watermark: number): void {
    if (watermark > this.#horizon) this.#horizon = watermark
  }

  idlePartitions(): string[] {
    return [...this.#clocks].filter(([, clock]) => clock.idle).map(([partition]) => partition)
  }

  snapshot(): Record<string, PartitionClock> {
    const result: Record<string, PartitionClock> = {}
    for (const [partition, clock] of this.#clocks) {
      result[partition] = { maxTime: Number.isFinite(clock.maxTime) ? clock.maxTime : null, ended: clock.ended }
    }
    return result
  }

  #clock(partition: string): Clock {
    this.assign(partition)
    return this.#clocks.get(partition) as Clock
  }
}
