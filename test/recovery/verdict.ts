import { join } from 'node:path'
import { openDeadLetters, openLake } from '@headrace/core'
import pg from 'pg'
import type { RecoverySummary } from './lives.ts'
import type { Scene } from './scene.ts'
import { without } from './topics/verdict.ts'

export interface Verdict {
  /** `window_start uno orders items`, sorted: what each of the three says. */
  readonly recount: readonly string[]
  readonly parquet: readonly string[]
  readonly postgres: readonly string[]
  readonly deadLetters: { readonly expected: number; readonly found: number; readonly different: number }
}

/** Reads both sinks and the dead letters, to be held against the recount. */
export async function readVerdict(scene: Scene): Promise<Verdict> {
  const { totals } = scene.recount
  const letters = openDeadLetters(join(scene.directory, 'data', 'pipelines', 'recovery'))
  const all = await letters.list({ limit: 10_000_000 })
  return {
    recount: scene.recount
      .rows()
      .map((row) =>
        [new Date(row.windowStart).toISOString().slice(0, 19).replace('T', ' '), row.uno, row.orders, row.items].join(
          ' ',
        ),
      )
      .sort(),
    parquet: await parquetRows(join(scene.directory, 'data', 'lake')),
    postgres: await postgresRows(scene.postgres.url),
    deadLetters: {
      expected: totals.dead + totals.late,
      found: all.length,
      different: new Set(all.map((letter) => `${letter.partition} ${letter.ordinal}`)).size,
    },
  }
}

const ROWS = `SELECT to_char(window_start, 'YYYY-MM-DD HH24:MI:SS') || ' ' || uno || ' ' || orders || ' ' || items AS line FROM trades_per_minute`

async function postgresRows(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ line: string }>(ROWS)
    return rows.map((row) => row.line).sort()
  } finally {
    await client.end()
  }
}

async function parquetRows(lakeDirectory: string): Promise<string[]> {
  const result = await openLake(lakeDirectory).query(
    `SELECT strftime(window_start, '%Y-%m-%d %H:%M:%S') || ' ' || uno || ' ' || orders || ' ' || items AS line FROM trades_per_minute`,
  )
  const lines: string[] = []
  for await (const rows of result.chunks()) for (const row of rows) lines.push(String(row[0]))
  result.close()
  return lines.sort()
}

/** What is wrong, in words; nothing for a recovery that lost nothing and repeated nothing. */
export function differences({ recount, parquet, postgres, deadLetters }: Verdict, summary: RecoverySummary): string[] {
  const wrong: string[] = []
  for (const [name, rows] of [
    ['Parquet', parquet],
    ['PostgreSQL', postgres],
  ] as const) {
    const missing = without(recount, rows)
    const extra = without(rows, recount)
    if (missing.length > 0) wrong.push(`${name} lacks ${missing.length} rows, such as ${missing[0]}`)
    if (extra.length > 0) wrong.push(`${name} has ${extra.length} rows too many, such as ${extra[0]}`)
  }
  if (deadLetters.found !== deadLetters.expected || deadLetters.different !== deadLetters.expected) {
    wrong.push(
      `${deadLetters.expected} dead letters expected, ${deadLetters.found} found, ${deadLetters.different} different ones`,
    )
  }
  const { records, windows } = summary.status
  const window = windows.per_minute
  const sum = (window?.fired ?? 0) + (window?.filtered ?? 0) + (window?.late ?? 0) + records.dead + (window?.open ?? 0)
  if (records.read !== sum) wrong.push(`${records.read} records read, but ${sum} accounted for`)
  return wrong
}
