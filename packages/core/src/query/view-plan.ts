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
  // Filters on a folder's name leave files unread only while this column has its own name.
  const path = schema.some(({ name }) => name.toLowerCase() === 'filename') ? '_headrace_path' : 'filename'
  const values = columns.map((column) =>
    isText(column, partitionBy) ? folderText(column, path) : quoteIdentifier(column.name),
  )
  return `SELECT ${values.join(', ')} FROM read_parquet(${list(paths)}, ${hiveOptions(partitionBy, path)})`
}

function hiveOptions(partitionBy: readonly Field[], path: string): string {
  if (partitionBy.length === 0) return 'hive_partitioning = false'
  const types = partitionBy.map(({ name, type }) => `${quoteLiteral(name)}: ${quoteLiteral(type)}`)
  const paths = partitionBy.some((column) => isText(column, partitionBy)) ? `, filename = ${quoteLiteral(path)}` : ''
  return `hive_partitioning = true, hive_types = {${types.join(', ')}}${paths}`
}

function isText({ name, type }: Field, partitionBy: readonly Field[]): boolean {
  return type === 'VARCHAR' && partitionBy.some((partition) => partition.name === name)
}

/**
 * A text from a folder's name. DuckDB writes a NULL as `__HIVE_DEFAULT_PARTITION__`, but reads `k=NULL`, in capitals or not, as
 * one too: there the text comes from the path.
 */
function folderText({ name }: Field, path: string): string {
  const column = quoteIdentifier(name)
  const folder = quoteLiteral(`/${name}=(null)/`)
  const written = `nullif(regexp_extract(${quoteIdentifier(path)}, ${folder}, 1, 'i'), '')`
  return `CASE WHEN ${column} IS NULL THEN ${written} ELSE ${column} END AS ${column}`
}

function nullOf({ name, type }: Field): string {
  return `CAST(NULL AS ${type}) AS ${quoteIdentifier(name)}`
}

function list(paths: readonly string[]): string {
  return `[${paths.map(quoteLiteral).join(', ')}]`
}
