import { describe, expect, test } from 'vitest'
import { compareRows } from './compare.ts'
import { Recount } from './recount.ts'

const RULES = { windowMs: 60_000, delayMs: 5_000, maxAheadMs: 86_400_000 }
const at = (clock: string) => Date.parse(`2026-11-20T${clock}Z`)

function order(clock: string, change: Record<string, unknown> = {}): Buffer {
  return Buffer.from(JSON.stringify({ uno: 'U1', tnum: 2, tuptime: `2026-11-20T${clock}Z`, ...change }))
}

function recount(...records: (readonly [partition: number, value: Buffer | null, timestamp?: number])[]): Recount {
  const counted = new Recount(RULES)
  for (const [partition, value, timestamp = at('10:00:00')] of records) counted.add(partition, value, timestamp)
  return counted
}

describe('Recount', () => {
  test('counts and sums by minute and customer', () => {
    const counted = recount(
      [0, order('10:00:00')],
      [0, order('10:00:59.999', { tnum: 3 })],
      [1, order('10:01:00')],
      [1, order('10:00:30', { uno: 'U0', tnum: 1 })],
    )
    const first = { windowStart: at('10:00:00'), windowEnd: at('10:01:00') }
    expect(counted.rows()).toEqual([
      { ...first, uno: 'U0', orders: 1, items: 1 },
      { ...first, uno: 'U1', orders: 2, items: 5 },
      { windowStart: at('10:01:00'), windowEnd: at('10:02:00'), uno: 'U1', orders: 1, items: 2 },
    ])
    expect(counted.totals).toEqual({ read: 4, dead: 0, filtered: 0, late: 0, aggregated: 4 })
  })

  test('a record is late against its own partition alone, to the millisecond', () => {
    const inTime = recount([0, order('10:01:04.998')], [0, order('10:00:59')])
    expect(inTime.totals).toMatchObject({ late: 0, aggregated: 2 })
    const late = recount([0, order('10:01:04.999')], [0, order('10:00:59')])
    expect(late.totals).toMatchObject({ late: 1, aggregated: 1 })
    const elsewhere = recount([0, order('10:01:04.999')], [1, order('10:00:59')])
    expect(elsewhere.totals).toMatchObject({ late: 0, aggregated: 2 })
  })

  test('a cancelled order moves the watermark but is not counted', () => {
    const counted = recount([0, order('10:05:00', { tnum: 0 })], [0, order('10:00:59')])
    expect(counted.totals).toEqual({ read: 2, dead: 0, filtered: 1, late: 1, aggregated: 0 })
    expect(counted.watermark).toBe(at('10:04:55'))
  })

  test.each([
    ['null', null],
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('not json')],
    ['an array', Buffer.from('[1]')],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a quantity in words', order('10:00:00', { tnum: 'two' })],
    ['a fraction', order('10:00:00', { tnum: 1.5 })],
    ['a time in words', order('10:00:00', { tuptime: 'noon' })],
    ['no customer', order('10:00:00', { uno: undefined })],
    ['a time two days ahead', order('10:00:00', { tuptime: '2026-11-22T10:00:00Z' })],
  ])('%s is dead', (_name, value) => {
    const counted = recount([0, value])
    expect(counted.totals).toEqual({ read: 1, dead: 1, filtered: 0, late: 0, aggregated: 0 })
    expect(counted.watermark).toBeNull()
  })

  test('rows below a watermark are those of closed windows', () => {
    const counted = recount([0, order('10:00:00')], [0, order('10:01:00')])
    expect(counted.rows(at('10:00:59.998'))).toEqual([])
    expect(counted.rows(at('10:00:59.999'))).toHaveLength(1)
    expect(counted.rows()).toHaveLength(2)
  })
})

describe('compareRows', () => {
  const row = { windowStart: at('10:00:00'), windowEnd: at('10:01:00'), uno: 'U1', orders: 2, items: 5 }
  const other = { ...row, uno: 'U2' }

  test('agrees with the same rows in any order', () => {
    expect(compareRows([row, other], [other, row])).toEqual({
      agrees: true,
      rows: 2,
      missing: 0,
      unexpected: 0,
      different: 0,
      examples: [],
    })
  })

  test.each([
    ['a missing row', [row], { missing: 1, unexpected: 0, different: 0 }],
    ['a row twice', [row, other, row], { missing: 0, unexpected: 1, different: 0 }],
    ['another count', [row, { ...other, orders: 3 }], { missing: 0, unexpected: 0, different: 1 }],
    ['another sum', [row, { ...other, items: 0 }], { missing: 0, unexpected: 0, different: 1 }],
    ['another window end', [row, { ...other, windowEnd: 0 }], { missing: 1, unexpected: 1, different: 0 }],
  ])('%s is a disagreement', (_name, found, counts) => {
    const comparison = compareRows([row, other], found)
    expect(comparison).toMatchObject({ agrees: false, ...counts })
    expect(comparison.examples[0]).toContain('U')
  })
})
