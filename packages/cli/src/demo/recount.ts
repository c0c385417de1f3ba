import { isUtf8 } from 'node:buffer'

/** One row of `trades_per_minute`. Times are ms since the Unix epoch. */
export interface TradesPerMinute {
  readonly windowStart: number
  readonly windowEnd: number
  readonly uno: string
  readonly orders: number
  readonly items: number
}

/** The rules of the pipeline, written down a second time in a few lines of JavaScript. */
export interface RecountRules {
  readonly windowMs: number
  readonly delayMs: number
  readonly maxAheadMs: number
}

export interface RecountTotals {
  readonly read: number
  readonly dead: number
  readonly filtered: number
  readonly late: number
  /** In windows, closed or not. */
  readonly aggregated: number
}

/**
 * Counts trade orders by minute and customer, one record at a time, with nothing of Headrace in it: `JSON.parse`, a Map,
 * and the lateness rule. Records of one partition must come in their order; partitions may come in any.
 *
 * A record is late when the highest time seen before it in its own partition, less the delay, has reached its window's
 * last millisecond.
 */
export class Recount {
  readonly #rules: RecountRules
  readonly #highest = new Map<number, number>()
  readonly #rows = new Map<string, { windowStart: number; uno: string; orders: number; items: number }>()
  readonly #totals = { read: 0, dead: 0, filtered: 0, late: 0, aggregated: 0 }

  constructor(rules: RecountRules) {
    this.#rules = rules
  }

  get totals(): RecountTotals {
    return { ...this.#totals }
  }

  /** The pipeline's watermark: the lowest over the partitions seen, or null before any time has been. */
  get watermark(): number | null {
    return this.#highest.size === 0 ? null : Math.min(...this.#highest.values()) - this.#rules.delayMs
  }

  add(partition: number, value: Uint8Array | null, timestampMs: number): void {
    this.#totals.read++
    const trade = readTrade(value)
    if (trade === undefined || trade.time > timestampMs + this.#rules.maxAheadMs) {
      this.#totals.dead++
      return
    }
    const highest = this.#highest.get(partition) ?? Number.NEGATIVE_INFINITY
    this.#highest.set(partition, Math.max(highest, trade.time))
    if (trade.items <= 0) {
      this.#totals.filtered++
      return
    }
    const windowStart = Math.floor(trade.time / this.#rules.windowMs) * this.#rules.windowMs
    if (highest - this.#rules.delayMs >= windowStart + this.#rules.windowMs - 1) {
      this.#totals.late++
      return
    }
    this.#totals.aggregated++
    this.#count(windowStart, trade.uno, trade.items)
  }

  /** All rows, or those of the windows that `watermark` has closed; by window and customer. */
  rows(watermark = Number.POSITIVE_INFINITY): TradesPerMinute[] {
    const { windowMs } = this.#rules
    return [...this.#rows.values()]
      .filter((row) => watermark >= row.windowStart + windowMs - 1)
      .map((row) => ({ ...row, windowEnd: row.windowStart + windowMs }))
      .sort((a, b) => a.windowStart - b.windowStart || (a.uno < b.uno ? -1 : 1))
  }

  #count(windowStart: number, uno: string, items: number): void {
    const key = `${windowStart} ${uno}`
    const row = this.#rows.get(key)
    if (row === undefined) this.#rows.set(key, { windowStart, uno, orders: 1, items })
    else {
      row.orders++
      row.items += items
    }
  }
}

interface Trade {
  readonly uno: string
  readonly items: number
  readonly time: number
}

/** The fields that count, or undefined where the record is no trade order. */
function readTrade(value: Uint8Array | null): Trade | undefined {
  if (value === null || !isUtf8(value)) return undefined
  const order = parseObject(Buffer.from(value.buffer, value.byteOffset, value.length).toString())
  if (order === undefined) return undefined
  const { uno, tnum, tuptime } = order
  if (typeof uno !== 'string' || !Number.isInteger(tnum) || typeof tuptime !== 'string') return undefined
  const time = Date.parse(tuptime)
  return Number.isNaN(time) ? undefined : { uno, items: tnum as number, time }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
