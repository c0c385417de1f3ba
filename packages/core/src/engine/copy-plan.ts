import { quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import type { ExportOptions, Field } from '../model/index.ts'

export type CopyOptions = Pick<ExportOptions, 'format' | 'to' | 'partitionBy' | 'compression'>

/**
 * The COPY statement that writes the rows of `query`, whose columns are `columns`.
 *
 * A partition column is left out of the files, as Hive has it. Parquet answers with RETURN_STATS (one row per file: filename,
 * count, file_size_bytes, partition_keys), the other formats with a count. CSV is what PostgreSQL's COPY … CSV reads.
 */
export function planCopy(query: string, columns: readonly Field[], options: CopyOptions): string {
  const partitions = options.partitionBy ?? []
  const partitionNames = new Set(partitions.map((partition) => partition.name))
  const selected = [
    ...columns
      .filter((column) => !partitionNames.has(column.name))
      .map((column) => writtenForm(column, options.format)),
    ...partitions.map((partition) => `${partition.expression} AS ${quoteIdentifier(partition.name)}`),
  ]
  const settings = formatSettings(columns, options)
  if (partitions.length > 0) {
    // A random name each: DuckDB opens a second file for a partition when many are open, and would overwrite `data_0`.
    const names = partitions.map((partition) => quoteIdentifier(partition.name)).join(', ')
    settings.push(`PARTITION_BY (${names})`, "FILENAME_PATTERN 'part-{uuid}'")
  }
  return `COPY (SELECT ${selected.join(', ')} FROM (${query})) TO ${quoteLiteral(options.to)} (${settings.join(', ')})`
}

function formatSettings(columns: readonly Field[], options: CopyOptions): string[] {
  if (options.format === 'ndjson') return ['FORMAT json']
  if (options.format === 'parquet') {
    return ['FORMAT parquet', `COMPRESSION ${options.compression ?? 'zstd'}`, 'RETURN_STATS']
  }
  const texts = columns.filter((column) => column.type === 'VARCHAR').map((column) => quoteIdentifier(column.name))
  // PostgreSQL before 18 takes a bare `\.` line for the end of the data; NULL stays unquoted all the same.
  const quoted = texts.length > 0 ? [`FORCE_QUOTE (${texts.join(', ')})`] : []
  return ['FORMAT csv', 'HEADER false', "NULLSTR ''", ...quoted]
}

/** A column as an expression that survives the format. */
function writtenForm(column: Field, format: ExportOptions['format']): string {
  const name = quoteIdentifier(column.name)
  if (format === 'parquet') {
    const stored = parquetType(column.type)
    return stored === column.type ? name : `CAST(${name} AS ${stored}) AS ${name}`
  }
  if (format === 'ndjson') return name
  if (isNested(column.type)) return `CAST(to_json(${name}) AS VARCHAR) AS ${name}`
  if (column.type === 'BLOB') return `'\\x' || lower(hex(${name})) AS ${name}`
  return name
}

/** DuckDB writes HUGEINT to Parquet as DOUBLE and loses digits (`sum` of integers gives HUGEINT): stored as a decimal instead. */
export function parquetType(type: string): string {
  return type
    .split(/("(?:[^"]|"")*")/)
    .map((part) => (part.startsWith('"') ? part : part.replaceAll(/\bU?HUGEINT\b/g, 'DECIMAL(38,0)')))
    .join('')
}

/** LIST, ARRAY, STRUCT, MAP and UNION. */
export function isNested(type: string): boolean {
  return type.endsWith(']') || /^(STRUCT|MAP|UNION)\(/.test(type)
}
