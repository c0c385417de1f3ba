import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a record's own timestamp is where its line gives none. */
const TIMESTAMP = Date.UTC(2026, 10, 20, 12)

const GOLDEN = fileURLToPath(new URL('.', import.meta.url))

/**
 * A pipeline, what it reads, and what it must write: a folder beside this file with
 *
 * - `pipeline.yaml`, which reads the topic of the folder's name and writes datasets;
 * - `input.ndjson`, the records in the order in which they were sent (see `InputLine`);
 * - `recount.sql`, plain DuckDB over those records, from which `generate.ts` writes what is expected;
 * - `expected/<dataset>.ndjson`, `expected/dead-letters.ndjson` and `expected/counts.json`.
 */
export interface GoldenCase {
  readonly name: string
  readonly folder: string
  readonly pipeline: string
  /** All of a stage is processed before the next begins: it matters where partitions come to a running pipeline. */
  readonly stages: readonly Stage[]
}

interface Stage {
  /** How many partitions the topic has by now. */
  readonly partitions: number
  readonly records: readonly GoldenRecord[]
}

export interface GoldenRecord {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** ms since the Unix epoch; −1 for none. */
  readonly timestamp: number
}

/** A stage's beginning, or a record. */
type InputLine =
  | { readonly partitions: number }
  | {
      readonly partition: number
      readonly key?: string
      /** ISO 8601; null for a record without a timestamp. */
      readonly timestamp?: string | null
      /** A text as it stands, an object as JSON, null for a tombstone. */
      readonly value: string | object | null
    }
  | { readonly partition: number; readonly key?: string; readonly timestamp?: string | null; readonly base64: string }

export function readCases(): GoldenCase[] {
  const folders = readdirSync(GOLDEN, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.map(({ name }) => readCase(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function readCase(name: string): GoldenCase {
  const folder = join(GOLDEN, name)
  const pipeline = readFileSync(join(folder, 'pipeline.yaml'), 'utf8')
  if (!pipeline.includes(`topic: ${name} `)) throw new Error(`${name}/pipeline.yaml must read the topic "${name}"`)
  return { name, folder, pipeline, stages: readStages(join(folder, 'input.ndjson')) }
}

function readStages(file: string): Stage[] {
  const stages: { partitions: number; records: GoldenRecord[] }[] = []
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    if (text === '') continue
    const line = JSON.parse(text) as InputLine
    if ('partitions' in line) stages.push({ partitions: line.partitions, records: [] })
    else stages.at(-1)?.records.push(readRecord(line))
  }
  if (stages.length === 0) throw new Error(`${file} must begin with how many partitions there are`)
  return stages
}

function readRecord(line: Exclude<InputLine, { readonly partitions: number }>): GoldenRecord {
  return {
    partition: line.partition,
    key: line.key === undefined ? null : Buffer.from(line.key),
    value: 'base64' in line ? Buffer.from(line.base64, 'base64') : sentBytes(line.value),
    timestamp: line.timestamp === undefined ? TIMESTAMP : line.timestamp === null ? -1 : Date.parse(line.timestamp),
  }
}

function sentBytes(value: string | object | null): Buffer | null {
  if (value === null) return null
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** All records of a partition, in order. */
export function recordsOf({ stages }: GoldenCase, partition: number): GoldenRecord[] {
  return stages.flatMap(({ records }) => records.filter((record) => record.partition === partition))
}
