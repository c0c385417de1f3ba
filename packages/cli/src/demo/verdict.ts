import type { PipelineStatus } from '@headrace/core'
import { type Accounts, accountsOf } from '../output/run-summary.ts'
import { type Comparison, compareRows } from './compare.ts'
import type { Recount, TradesPerMinute } from './recount.ts'

/** Whether everything that Headrace says and holds is what counting by hand gives. */
export interface Verdict {
  readonly agrees: boolean
  /** By store: Parquet, PostgreSQL. */
  readonly comparisons: Readonly<Record<string, Comparison>>
  readonly accounts: Accounts
  /** read = aggregated + filtered + late + dead + open. */
  readonly accountsAddUp: boolean
  /** The recount's own accounts are the same. */
  readonly accountsAgree: boolean
}

export function judge(
  status: PipelineStatus,
  recount: Recount,
  stores: Readonly<Record<string, readonly TradesPerMinute[]>>,
): Verdict {
  const accounts = accountsOf(status)
  const drained = status.state === 'finished'
  const expected = recount.rows(drained ? Number.POSITIVE_INFINITY : (status.watermark ?? Number.NEGATIVE_INFINITY))
  const comparisons = Object.fromEntries(
    Object.entries(stores).map(([name, rows]) => [name, compareRows(expected, rows)]),
  )
  const { read, dead, filtered, late, aggregated, open } = accounts
  const accountsAddUp = read === aggregated + filtered + late + dead + open
  const { totals } = recount
  const accountsAgree =
    read === totals.read &&
    dead === totals.dead &&
    filtered === totals.filtered &&
    late === totals.late &&
    aggregated + open === totals.aggregated &&
    aggregated === expected.reduce((sum, row) => sum + row.orders, 0)
  const agrees = accountsAddUp && accountsAgree && Object.values(comparisons).every((comparison) => comparison.agrees)
  return { agrees, comparisons, accounts, accountsAddUp, accountsAgree }
}
