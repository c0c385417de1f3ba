/**
 * `node test/golden/generate.ts [CASE…]`: writes what each case must give, by `recount.sql`, plain DuckDB over the records. Nothing of
 * Headrace has a part in it. Look at what it wrote before it is committed.
 *
 * `recount.sql` finds the table `records` (stage, partition, ordinal, timestamp, key, value, and the value as `text` where it
 * is UTF-8; stages count from 1) and makes views: `expected.<dataset>` for each dataset, `expected.dead_letters`, and
 * `expected.windows` where there are windows.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GoldenCase, readCases } from './golden-case.ts'
import { recount } from './recount.ts'

const wanted = process.argv.slice(2)
for (const golden of readCases()) {
  if (wanted.length === 0 || wanted.includes(golden.name)) await generate(golden)
}

async function generate(golden: GoldenCase): Promise<void> {
  const { datasets, deadLetters, counts } = await recount(golden)
  const folder = join(golden.folder, 'expected')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const [name, rows] of Object.entries(datasets)) writeLines(join(folder, `${name}.ndjson`), rows)
  writeLines(join(folder, 'dead-letters.ndjson'), deadLetters)
  writeFileSync(join(folder, 'counts.json'), `${JSON.stringify(counts, undefined, 2)}\n`)
  const sizes = Object.entries(datasets).map(([name, rows]) => `${rows.length} ${name}`)
  console.log(`${golden.name}: ${sizes.join(', ')}, ${deadLetters.length} dead letters`)
}

function writeLines(file: string, rows: readonly object[]): void {
  const lines = rows.map((row) => JSON.stringify(row)).sort()
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
}
