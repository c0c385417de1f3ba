import type { PipelineStatus } from '@headrace/core'
import { describe, expect, test } from 'vitest'
import { Recount } from './recount.ts'
import { judge } from './verdict.ts'

const RULES = { windowMs: 60_000, delayMs: 5_000, maxAheadMs: 86_400_000 }
const START = Date.UTC(2026, 10, 20, 10)

/** Three orders, the last of them a minute later; one malformed record, one cancelled order. */
function counted(): Recount {
  const recount = new Recount(RULES)
  const add = (text: string) => recount.add(0, Buffer.from(text), START)
  for (const [second, tnum] of [
    [0, 1],
    [30, 2],
    [31, 0],
    [70, 5],
  ] as const) {
    add(JSON.stringify({ uno: 'U1', tnum, tuptime: new Date(START + second * 1000).toISOString() }))
  }
  add('malformed')
  return recount
}

function status(change: { state?: PipelineStatus['state']; fired?: number; dead?: number } = {}): PipelineStatus {
  const { state = 'finished', fired = 3, dead = 1 } = change
  return {
    pipeline: 'trades',
    incarnation: '7f3a',
    state,
    pid: 1,
    startedAt: 0,
    updatedAt: 0,
    epoch: 1,
    records: { read: 5, readBytes: 0, skipped: 0, dead, decoded: 5 - dead },
    recordsPerSecond: 0,
    watermark: state === 'finished' ? null : START + 65_000,
    partitions: {},
    windows: {
      per_minute: {
        accepted: 3,
        late: 0,
        lateBehindHorizon: 0,
        filtered: 1,
        fired,
        open: 3 - fired,
        windowsClosed: 1,
        rowsOut: 1,
      },
    },
    sinks: {},
    firstResultMs: 1,
  }
}

describe('judge', () => {
  test('agrees when every row and every count is right', () => {
    const recount = counted()
    const verdict = judge(status(), recount, { Parquet: recount.rows(), PostgreSQL: recount.rows() })
    expect(verdict).toMatchObject({ agrees: true, accountsAddUp: true, accountsAgree: true })
    expect(verdict.accounts).toEqual({ read: 5, dead: 1, filtered: 1, late: 0, aggregated: 3, open: 0 })
  })

  test('one wrong row in one store is enough to disagree', () => {
    const recount = counted()
    const [first, ...rest] = recount.rows()
    const verdict = judge(status(), recount, {
      Parquet: recount.rows(),
      PostgreSQL: [{ ...first!, items: 4 }, ...rest],
    })
    expect(verdict.agrees).toBe(false)
    expect(verdict.comparisons.Parquet?.agrees).toBe(true)
    expect(verdict.comparisons.PostgreSQL).toMatchObject({ agrees: false, different: 1 })
  })

  test('so is a count that the recount does not have, though all rows are right', () => {
    const recount = counted()
    const verdict = judge(status({ dead: 2 }), recount, { Parquet: recount.rows() })
    expect(verdict).toMatchObject({ agrees: false, accountsAddUp: false, accountsAgree: false })
  })

  test('a pipeline that goes on holds the rows of closed windows only', () => {
    const recount = counted()
    const closed = recount.rows().slice(0, 1)
    expect(judge(status({ state: 'stopped', fired: 2 }), recount, { Parquet: closed }).agrees).toBe(true)
    expect(judge(status({ state: 'stopped', fired: 2 }), recount, { Parquet: recount.rows() }).agrees).toBe(false)
  })
})
