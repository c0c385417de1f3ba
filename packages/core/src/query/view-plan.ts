import { quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import type { Field } from '../model/index.ts'
import type { DatasetListing, FileGroup } from './dataset.ts'

/** The SELECT over a dataset's files; undefined where there is nothing yet to say what its columns are. */
export function planView(listing: DatasetListing): string | undefined {
  const selects = listing.groups.map(planGroup).filter((select) => select !== undefined)
  return selects.length === 0 ? undefined : selects.join(' UNION ALL BY NAME ')
}

function planGroup(group: FileGroup): string | undefined {
  const { schema, partitionBy, paths } = group
  if (schema === undefined || partitionBy === undefined) {
    // Only Parquet files that somebody else wrote.
    return `SELECT * FROM read_parquet(${list(paths)}, union_by_name = true)`
  }
  const added = partitionBy.filter((partition) => !schema.some((field) => field.name === partition.name))
  const columns = [...schema, ...added]
  if (columns.length === 0) return undefined
  if (paths.length === 0) return `SELECT ${columns.map(nullOf).join(', ')} WHERE false`
  const names = columns.map((column) => quoteIdentifier(column.name))
  return `SELECT ${names.join(', ')} FROM read_parquet(${list(paths)}, ${hiveOptions(partitionBy)})`
}

function hiveOptions(partitionBy: readonly Field[]): string {
  if (partitionBy.length === 0) return 'hive_partitioning = false'
  const types = partitionBy.map(({ name, type }) => `${quoteLiteral(name)}: ${quoteLiteral(type)}`)
  return `hive_partitioning = true, hive_types = {${types.join(', ')}}`
}

function nullOf({ name, type }: Field): string {
  return `CAST(NULL AS ${type}) AS ${quoteIdentifier(name)}`
}

function list(paths: readonly string[]): string {
  return `[${paths.map(quoteLiteral).join(', ')}]`
}
