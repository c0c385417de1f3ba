import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { adapters } from '@headrace/adapters'
import { parsePipeline } from '@headrace/core'
import type { GoldenCase } from './golden-case.ts'
import type { Counts, WrittenDeadLetter } from './outcome.ts'

const PRELUDE = `
CREATE SCHEMA expected;
CREATE TABLE records (stage INTEGER, partition INTEGER, ordinal BIGINT, timestamp TIMESTAMP, key VARCHAR, value BLOB, text VARCHAR);
CREATE MACRO late_reason(window_name, t, rest) AS
  'too late for window "' || window_name || '": event time ' || strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ') || ', ' || rest;
CREATE MACRO passed() AS 'the partition''s watermark had passed the window''s end';
CREATE MACRO given_out() AS 'and the window had already been given out';
`

const WINDOWS = `SELECT name, accepted::INTEGER AS accepted, late::INTEGER AS late, late_behind_horizon::INTEGER AS late_behind_horizon,
  filtered::INTEGER AS filtered, windows_closed::INTEGER AS windows_closed, rows_out::INTEGER AS rows_out FROM expected.windows`

type Rows = readonly Readonly<Record<string, unknown>>[]

type Letters = readonly WrittenDeadLetter[]

/** As `Outcome`, in rows. */
export interface Recounted {
  readonly datasets: Readonly<Record<string, readonly object[]>>
  readonly deadLetters: Letters
  readonly counts: Counts
}

interface WindowRow {
  readonly name: string
  readonly accepted: number
  readonly late: number
  readonly late_behind_horizon: number
  readonly filtered: number
  readonly windows_closed: number
  readonly rows_out: number
}

/** What a case must give by its `recount.sql`: one database, one thread, nothing of Headrace. */
export async function recount(golden: GoldenCase): Promise<Recounted> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const rows = async (sql: string): Promise<Rows> => (await connection.runAndReadAll(sql)).getRowObjectsJson()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(PRELUDE)
    await connection.run(insertRecords(golden))
    await connection.run(readFileSync(join(golden.folder, 'recount.sql'), 'utf8'))
    const views = await rows(`SELECT view_name AS name FROM duckdb_views() WHERE schema_name = 'expected'`)
    const names = views.map(({ name }) => String(name))
    const datasets: Record<string, readonly object[]> = {}
    for (const name of names.filter((each) => each !== 'dead_letters' && each !== 'windows')) {
      datasets[name] = await rows(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM expected."${name}"`)
    }
    const letters = names.includes('dead_letters') ? ((await rows(deadLettersOf(golden))) as unknown as Letters) : []
    const windows = names.includes('windows') ? ((await rows(WINDOWS)) as unknown as readonly WindowRow[]) : []
    return { datasets, deadLetters: letters, counts: countsOf(golden, datasets, letters, windows) }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

function deadLettersOf({ name }: GoldenCase): string {
  return `SELECT '${name}/' || partition AS partition, ordinal::INTEGER AS ordinal, step, code, reason FROM expected.dead_letters`
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

function countsOf(
  golden: GoldenCase,
  datasets: Recounted['datasets'],
  letters: Letters,
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
        const rows = datasets[dataset]?.length ?? 0
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
