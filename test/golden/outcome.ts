import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDeadLetters, openLake, type PipelineStatus } from '@headrace/core'
import { type GoldenCase, recordsOf } from './golden-case.ts'

/** All that a pipeline has written, in a form that does not show in which order. */
export interface Outcome {
  /** By dataset, its rows as JSON objects of texts, sorted. */
  readonly datasets: Readonly<Record<string, readonly string[]>>
  /** Partition, ordinal, step, code and reason, sorted. */
  readonly deadLetters: readonly string[]
  readonly counts: Counts
}

/** What the status counts, as far as it cannot depend on how a stream was cut. */
export interface Counts {
  readonly records: Readonly<Record<'read' | 'dead' | 'decoded', number>>
  readonly windows: PipelineStatus['windows']
  readonly sinks: Readonly<Record<string, Readonly<Record<'rows' | 'published' | 'rejected', number>>>>
}

export interface WrittenDeadLetter {
  readonly partition: string
  readonly ordinal: number
  readonly step: string
  readonly code: string
  readonly reason: string
}

export function readExpected({ folder }: GoldenCase): Outcome {
  const files = readdirSync(join(folder, 'expected'))
  const lines = (file: string) =>
    readFileSync(join(folder, 'expected', file), 'utf8')
      .split('\n')
      .filter(Boolean)
      .sort()
  const datasets = files.filter((file) => file.endsWith('.ndjson') && file !== 'dead-letters.ndjson')
  return {
    datasets: Object.fromEntries(datasets.map((file) => [file.replace(/\.ndjson$/, ''), lines(file)])),
    deadLetters: lines('dead-letters.ndjson'),
    counts: JSON.parse(readFileSync(join(folder, 'expected', 'counts.json'), 'utf8')) as Counts,
  }
}

/** Reads what a finished pipeline has left in its data folder. Throws when a dead letter is not the record that it stands for. */
export async function readOutcome(golden: GoldenCase, dataDirectory: string, status: PipelineStatus): Promise<Outcome> {
  const lake = openLake(join(dataDirectory, 'lake'), { threads: 1 })
  const datasets: Record<string, string[]> = {}
  for (const { name } of await lake.datasets()) {
    const result = await lake.query(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ${quoted(name)}`)
    const rows: string[] = []
    for await (const chunk of result.chunks()) {
      for (const row of chunk) {
        rows.push(JSON.stringify(Object.fromEntries(result.columns.map((column, i) => [column.name, row[i]]))))
      }
    }
    result.close()
    datasets[name] = rows.sort()
  }
  return { datasets, deadLetters: await readDeadLetters(golden, dataDirectory), counts: countsOf(status) }
}

async function readDeadLetters(golden: GoldenCase, dataDirectory: string): Promise<string[]> {
  const letters = await openDeadLetters(join(dataDirectory, 'pipelines', golden.name)).list({ limit: 1_000_000 })
  return letters
    .map((letter) => {
      const index = Number(letter.partition.slice(letter.partition.lastIndexOf('/') + 1))
      const record = recordsOf(golden, index)[Number(letter.ordinal)]
      const sent = [record?.value?.toString('base64') ?? null, record?.timestamp]
      const kept = [letter.valueBase64, timeOf(letter.timestamp)]
      if (JSON.stringify(sent) !== JSON.stringify(kept)) {
        throw new Error(`${letter.partition} ${letter.ordinal} was ${sent}, and its dead letter is ${kept}`)
      }
      const { partition, ordinal, step, code, reason } = letter
      return JSON.stringify({ partition, ordinal: Number(ordinal), step, code, reason } satisfies WrittenDeadLetter)
    })
    .sort()
}

function countsOf({ records, windows, sinks }: PipelineStatus): Counts {
  const { read, dead, decoded } = records
  return {
    records: { read, dead, decoded },
    windows,
    sinks: Object.fromEntries(
      Object.entries(sinks).map(([name, { rows, published, rejected }]) => [name, { rows, published, rejected }]),
    ),
  }
}

/** ms since the epoch of a TIMESTAMP as DuckDB prints it; −1 for none. */
function timeOf(text: string | null): number {
  return text === null ? -1 : Date.parse(`${text.replace(' ', 'T')}Z`)
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
