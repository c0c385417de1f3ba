import { formatTime } from '../output/format.ts'
import type { TradesPerMinute } from './recount.ts'

/** What one sink holds against what it should. */
export interface Comparison {
  readonly agrees: boolean
  readonly rows: number
  readonly missing: number
  readonly unexpected: number
  readonly different: number
  /** The first few differences, for a person. */
  readonly examples: readonly string[]
}

const SHOWN_EXAMPLES = 5

/** Compares every row. A row given twice counts as unexpected the second time. */
export function compareRows(expected: readonly TradesPerMinute[], found: readonly TradesPerMinute[]): Comparison {
  const open = new Map(expected.map((row) => [keyOf(row), row]))
  const examples: string[] = []
  let unexpected = 0
  let different = 0
  const note = (text: string) => {
    if (examples.length < SHOWN_EXAMPLES) examples.push(text)
  }
  for (const row of found) {
    const wanted = open.get(keyOf(row))
    if (wanted === undefined) {
      unexpected++
      note(`${describe(row)} should not be there (or not twice)`)
      continue
    }
    open.delete(keyOf(row))
    if (wanted.orders === row.orders && wanted.items === row.items) continue
    different++
    note(`${describe(row)} should have ${wanted.orders} orders, ${wanted.items} items`)
  }
  for (const row of open.values()) note(`${describe(row)} is missing`)
  const missing = open.size
  return {
    agrees: missing + unexpected + different === 0,
    rows: found.length,
    missing,
    unexpected,
    different,
    examples,
  }
}

function keyOf(row: TradesPerMinute): string {
  return `${row.windowStart} ${row.windowEnd} ${row.uno}`
}

function describe(row: TradesPerMinute): string {
  return `${formatTime(row.windowStart)} ${row.uno}: ${row.orders} orders, ${row.items} items`
}
