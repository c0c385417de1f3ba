/**
 * `node test/golden/generate.ts [CASE…]`: writes what each case must give. Nothing of Headrace has a part in it: `recount.sql` is
 * plain DuckDB over the records, in one database with one thread. Look at what it wrote before it is committed.
 *
 * `recount.sql` finds the table `records` (partition, ordinal, timestamp, key, value and its `text`; stage counts from 1) and makes views:
 * `expected.<dataset>` for each dataset, `expected.dead_letters`, and `expected.windows` where there are windows.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { adapters } from '@headrace/adapters'
import { parsePipeline } from '@headrace/core'
import { type GoldenCase, readCases } from './golden-case.ts'
import type { Counts, WrittenDeadLetter } from './outcome.ts'

const PRELUDE = `
CREATE SCHEMA expected;
CREATE TABLE records (stage INTEGER, partition INTEGER, ordinal BIGINT, timestamp TIMESTAMP, key VARCHAR, value BLOB, text VARCHAR);
CREATE VIEW expected.dead_letters_none AS SELECT 0 AS partition, 0 AS ordinal, '' AS step, '' AS code, '' AS reason LIMIT 0;
CREATE MACRO late_reason(window_name, t, rest) AS
  'too late for window "' || window_name || '": event time ' || strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ') || ', ' || rest;
CREATE MACRO passed() AS 'the partition''s watermark had passed the window''s end';
CREATE MACRO given_out() AS 'and the window had already been given out';
`

const NUMBERS = `SELECT name, accepted::INTEGER AS accepted, late::INTEGER AS late, late_behind_horizon::INTEGER AS late_behind_horizon,
  filtered::INTEGER AS filtered, windows_closed::INTEGER AS windows_closed, rows_out::INTEGER AS rows_out FROM expected.windows`

type Rows = readonly Readonly<Record<string, unknown>>[]

interface WindowRow {
  readonly name: string
  readonly accepted: number
  readonly late: number
  readonly late_behind_horizon: number
  readonly filtered: number
  readonly windows_closed: number
  readonly rows_out: number
}

const wanted = process.argv.slice(2)
for (const golden of readCases()) {
  if (wanted.length === 0 || wanted.includes(golden.name)) await generate(golden)
}

async function generate(golden: GoldenCase): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const rows = async (sql: string): Promise<Rows> => (await connection.runAndReadAll(sql)).getRowObjectsJson()
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run(PRELUDE)
  await connection.run(insertRecords(golden))
  await connection.run(readFileSync(join(golden.folder, 'recount.sql'), 'utf8'))
  const views = (await rows(`SELECT view_name AS name FROM duckdb_views() WHERE schema_name = 'expected'`)).map((row) =>
    String(row.name),
  )

  const folder = join(golden.folder, 'expected')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const datasets = new Map<string, number>()
  for (const name of views) {
    if (['dead_letters', 'dead_letters_none', 'windows'].includes(name)) continue
    const found = await rows(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM expected."${name}"`)
    datasets.set(name, found.length)
    writeLines(join(folder, `${name}.ndjson`), found)
  }
  const letters = (await rows(
    `SELECT '${golden.name}/' || partition AS partition, ordinal::INTEGER AS ordinal, step, code, reason
     FROM expected.${views.includes('dead_letters') ? 'dead_letters' : 'dead_letters_none'} ORDER BY ALL`,
  )) as unknown as WrittenDeadLetter[]
  writeLines(join(folder, 'dead-letters.ndjson'), letters)
  const windows = views.includes('windows') ? ((await rows(NUMBERS)) as unknown as WindowRow[]) : []
  const counts = JSON.stringify(countsOf(golden, datasets, letters, windows), undefined, 2)
  writeFileSync(join(folder, 'counts.json'), `${counts}\n`)
  connection.closeSync()
  instance.closeSync()
  const sizes = [...datasets].map(([name, count]) => `${count} ${name}`).join(', ')
  console.log(`${golden.name}: ${sizes}, ${letters.length} dead letters`)
}

function insertRecords({ stages }: GoldenCase): string {
  const ordinals = new Map<number, number>()
  const values = stages.flatMap(({ records }, stage) =>
    records.map(({ partition, key, value, timestamp }) => {
      const ordinal = ordinals.get(partition) ?? 0
      ordinals.set(partition, ordinal + 1)
      const blob = value === null ? 'NULL' : `from_base64('${value.toString('base64')}')`
      const time = timestamp < 0 ? 'NULL' : `make_timestamp(${timestamp * 1000})`
      const keyText = key === null ? 'NULL' : `decode(from_base64('${key.toString('base64')}'))`
      return `(${stage + 1}, ${partition}, ${ordinal}, ${time}, ${keyText}, ${blob}, try(decode(${blob})))`
    }),
  )
  return `INSERT INTO records VALUES ${values.join(',\n')}`
}

function writeLines(file: string, rows: readonly object[]): void {
  const lines = rows.map((row) => JSON.stringify(row)).sort()
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
}

function countsOf(
  golden: GoldenCase,
  datasets: ReadonlyMap<string, number>,
  letters: readonly WrittenDeadLetter[],
  windows: readonly WindowRow[],
): Counts {
  const read = golden.stages.reduce((sum, { records }) => sum + records.length, 0)
  const unread = letters.filter(({ step }) => step === 'decode' || step === 'watermark')
  const dead = new Set(unread.map(({ partition, ordinal }) => `${partition} ${ordinal}`)).size
  return {
    records: { read, dead, decoded: read - dead },
    windows: Object.fromEntries(
      windows.map((window) => [
        window.name,
        {
          accepted: window.accepted,
          late: window.late,
          lateBehindHorizon: window.late_behind_horizon,
          filtered: window.filtered,
          // All is drained at the end.
          fired: window.accepted,
          open: 0,
          windowsClosed: window.windows_closed,
          rowsOut: window.rows_out,
        },
      ]),
    ),
    sinks: Object.fromEntries(
      sinksOf(golden).map(({ name, dataset }) => {
        const rows = datasets.get(dataset) ?? 0
        return [name, { rows, published: rows, rejected: 0 }]
      }),
    ),
  }
}

function sinksOf(golden: GoldenCase): { readonly name: string; readonly dataset: string }[] {
  const { config, problems } = parsePipeline(golden.pipeline, join(golden.folder, 'pipeline.yaml'), adapters)
  if (config === undefined) throw new Error(JSON.stringify(problems, undefined, 2))
  return config.sinks.map((sink) => ({ name: sink.name, dataset: (sink.config as { dataset: string }).dataset }))
}
