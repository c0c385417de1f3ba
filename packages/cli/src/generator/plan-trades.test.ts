import { isUtf8 } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { planTrades } from './plan-trades.ts'
import { DEFAULT_PLAN, MALFORMED_KINDS, type PlannedRecord, type TradePlan } from './trade-plan.ts'

const START = Date.UTC(2026, 10, 20, 10)
const plan = (change: Partial<TradePlan> = {}): TradePlan => ({
  ...DEFAULT_PLAN,
  startMs: START,
  count: 20_000,
  ...change,
})
const bytesOf = (record: PlannedRecord): Buffer => Buffer.from(record.value as string)
const parse = (record: PlannedRecord) => JSON.parse(bytesOf(record).toString())

describe('planTrades', () => {
  test('gives the same records for the same plan, and others for another seed', () => {
    const first = [...planTrades(plan())]
    expect([...planTrades(plan())]).toEqual(first)
    expect(first).toHaveLength(20_000)
    const other = [...planTrades(plan({ seed: 1 }))]
    expect(other.filter((record, i) => record.value === first[i]?.value)).toHaveLength(
      other.filter((record, i) => record.kind === 'empty' && first[i]?.kind === 'empty').length,
    )
  })

  test('orders have the seven fields as text and a number', () => {
    const order = [...planTrades(plan({ count: 50 }))].find((record) => record.kind === 'order')!
    expect(parse(order)).toEqual({
      tid: expect.stringMatching(/^\d+$/),
      tno: expect.stringMatching(/^[A-Za-z]{4}20261120\d{6}$/),
      tdate: '2026-11-20',
      uno: order.key,
      pno: expect.stringMatching(/^P1\d{3}$/),
      tnum: expect.any(Number),
      tuptime: expect.stringMatching(/^2026-11-20T(09:59|10:00):\d\d\.\d{3}Z$/),
    })
  })

  test('the shares come out near what was asked', () => {
    const counts = Map.groupBy(planTrades(plan()), (record) => record.kind)
    const share = (kind: PlannedRecord['kind']) => (counts.get(kind)?.length ?? 0) / 20_000
    expect(share('late')).toBeCloseTo(0.01, 2)
    expect(share('duplicate')).toBeCloseTo(0.01, 2)
    expect(share('cancelled')).toBeCloseTo(0.01, 2)
    const malformed = MALFORMED_KINDS.map(share)
    expect(Math.min(...malformed)).toBeGreaterThan(0)
    expect(malformed.reduce((sum, one) => sum + one)).toBeCloseTo(0.005, 2)
  })

  test('a key always goes to the same partition, and every partition gets some', () => {
    const partitions = new Map<string, number>()
    for (const { key, partition } of planTrades(plan())) {
      expect(partitions.get(key) ?? partition).toBe(partition)
      partitions.set(key, partition)
    }
    expect([...new Set(partitions.values())].sort()).toEqual([0, 1, 2, 3])
  })

  test('each malformed kind is malformed in its own way', () => {
    const only = { malformed: 1, late: 0, duplicate: 0, cancelled: 0 }
    for (const record of planTrades(plan({ count: 2000, shares: only }))) {
      const bytes = bytesOf(record)
      switch (record.kind) {
        case 'notUtf8':
          expect(isUtf8(bytes)).toBe(false)
          // Decoding leniently gives whole JSON: only the bytes are wrong.
          expect(parse(record)).toHaveProperty('tno', expect.stringContaining('\ufffd'))
          break
        case 'wrongType': {
          const { tnum, tuptime } = parse(record)
          expect(tnum === 'a dozen' || tuptime === 'around noon').toBe(true)
          break
        }
        case 'empty':
          expect(bytes).toHaveLength(0)
          break
        default:
          expect(['truncated', 'text']).toContain(record.kind)
          expect(() => parse(record)).toThrow(SyntaxError)
      }
    }
  })

  test('jitter alone never makes an order late by five seconds; late ones are late by minutes', () => {
    const highest = new Map<number, number>()
    for (const record of planTrades(plan())) {
      if (!['order', 'late', 'duplicate', 'cancelled'].includes(record.kind)) continue
      const time = Date.parse(parse(record).tuptime)
      const before = highest.get(record.partition)
      if (before !== undefined && record.kind === 'late') expect(before - time).toBeGreaterThan(65_000)
      if (before !== undefined && record.kind !== 'late') expect(before - time).toBeLessThan(5_000)
      highest.set(record.partition, Math.max(before ?? time, time))
    }
  })

  test('a duplicate repeats an earlier order to the byte', () => {
    const seen = new Set<string>()
    let duplicates = 0
    for (const record of planTrades(plan())) {
      if (record.kind === 'duplicate') {
        expect(seen.has(record.value as string)).toBe(true)
        duplicates++
      }
      if (record.kind === 'order') seen.add(record.value as string)
    }
    expect(duplicates).toBeGreaterThan(100)
  })
})
