import { describe, expect, test } from 'vitest'
import { generate } from './generate.ts'
import { Pace } from './pace.ts'
import { planTrades } from './plan-trades.ts'
import type { Sender } from './sender.ts'
import { DEFAULT_PLAN, type PlannedRecord, type TradePlan } from './trade-plan.ts'

const plan = (count?: number): TradePlan => ({
  ...DEFAULT_PLAN,
  startMs: Date.UTC(2026, 10, 20, 10),
  ...(count === undefined ? {} : { count }),
})

class Collector implements Sender {
  readonly batches: (readonly PlannedRecord[])[] = []
  #inFlight = 0
  async send(records: readonly PlannedRecord[]): Promise<void> {
    expect(++this.#inFlight).toBe(1)
    await new Promise(setImmediate)
    this.batches.push(records)
    this.#inFlight--
  }
  async close(): Promise<void> {}
}

describe('generate', () => {
  test('sends every planned record once, in order, one batch at a time', async () => {
    const collector = new Collector()
    const sent = await generate({ plan: plan(12_345), sender: collector })
    expect(collector.batches.flat()).toEqual([...planTrades(plan(12_345))])
    expect(collector.batches.length).toBeGreaterThan(2)
    expect(sent.records).toBe(12_345)
    expect(Object.values(sent.byKind).reduce((sum, one) => sum + one)).toBe(12_345)
  })

  test('a stream without end stops at its signal', async () => {
    const stop = new AbortController()
    const sent = await generate({
      plan: plan(),
      sender: new Collector(),
      signal: stop.signal,
      onSent: ({ records }) => {
        if (records >= 20_000) stop.abort()
      },
    })
    expect(sent.records).toBeGreaterThanOrEqual(20_000)
    expect(sent.records).toBeLessThanOrEqual(30_000)
  })

  test('a failing target fails the call with its error', async () => {
    const broken = new Error('the target is full')
    const sender: Sender = { send: () => Promise.reject(broken), close: async () => {} }
    await expect(generate({ plan: plan(20_000), sender })).rejects.toBe(broken)
  })

  test('with a rate the records come no faster than it', async () => {
    const started = performance.now()
    const sent = await generate({ plan: plan(100), sender: new Collector(), rate: 500 })
    expect(sent.records).toBe(100)
    // 99 gaps of 2 ms after the first.
    expect(performance.now() - started).toBeGreaterThanOrEqual(197)
  })
})

describe('Pace', () => {
  test('what is due follows the clock, whatever was taken late', () => {
    const pace = new Pace(100, 1000)
    expect(pace.due(1000)).toBe(1)
    pace.took(1)
    expect(pace.due(1009)).toBe(0)
    expect(pace.waitMs(1009)).toBe(Pace.TICK_MS)
    expect(pace.due(2000)).toBe(100)
    pace.took(100)
    expect(pace.due(2000)).toBe(0)
    expect(pace.due(2010)).toBe(1)
  })

  test('a slow rate waits for the next record', () => {
    const pace = new Pace(0.5, 0)
    pace.took(pace.due(0))
    expect(pace.waitMs(100)).toBe(1900)
    expect(pace.due(1999)).toBe(0)
    expect(pace.due(2000)).toBe(1)
  })
})
