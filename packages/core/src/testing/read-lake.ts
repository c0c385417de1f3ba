import { quoteIdentifier } from '../duckdb/index.ts'
import { isNested } from '../engine/copy-plan.ts'
import { HeadraceError } from '../errors/index.ts'
import type { Field } from '../model/index.ts'
import { type LakeOptions, openLake } from '../query/index.ts'
import type { ReadRow } from './sink-batches.ts'

/** All rows of a dataset, for `SinkTarget.read`; none where it has none yet. */
export async function readLake(
  lakeDirectory: string,
  dataset: string,
  columns: readonly Field[],
  options: LakeOptions = {},
): Promise<ReadRow[]> {
  const lake = openLake(lakeDirectory, { threads: 1, ...options })
  const texts = columns.map((column) => `${textOf(column)} AS ${quoteIdentifier(column.name)}`)
  try {
    const result = await lake.query(`SELECT ${texts.join(', ')} FROM ${quoteIdentifier(dataset)}`)
    const rows: ReadRow[] = []
    for await (const chunk of result.chunks()) {
      for (const values of chunk)
        rows.push(Object.fromEntries(columns.map((column, i) => [column.name, readValue(column, values[i])])))
    }
    result.close()
    return rows
  } catch (error) {
    if (error instanceof HeadraceError && error.code === 'QUERY_DATASET_EMPTY') return []
    throw error
  }
}

function textOf({ name, type }: Field): string {
  const column = quoteIdentifier(name)
  if (type === 'BLOB') return `hex(${column})`
  if (isNested(type)) return `CAST(to_json(${column}) AS VARCHAR)`
  return `CAST(${column} AS VARCHAR)`
}

function readValue({ type }: Field, value: unknown): string | Uint8Array | null {
  if (value === null) return null
  return type === 'BLOB' ? Buffer.from(String(value), 'hex') : String(value)
}
