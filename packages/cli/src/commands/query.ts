import path from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { Command, Option } from '@commander-js/extra-typings'
import type { Lake, QueryLimits, QueryResult } from '@headrace/core'
import type { CliContext } from '../context.ts'
import { OutputMissingError } from '../errors.ts'
import { countArgument, dataOption, durationArgument, jsonOption } from '../options.ts'
import { formatCount, formatCounted } from '../output/format.ts'
import { renderTable } from '../output/table.ts'

const FORMATS = ['table', 'csv', 'json', 'ndjson', 'parquet'] as const
type Format = (typeof FORMATS)[number]

/** Rows of a table that nobody has asked to be longer. */
const TABLE_ROWS = 100

export function queryCommand(context: CliContext) {
  return new Command('query')
    .description('SQL over the lake: every Parquet dataset is a table')
    .argument('<sql>', 'one SELECT in DuckDB’s SQL; - reads it from stdin')
    .addOption(dataOption())
    .addOption(new Option('--format <format>', 'form of the result').choices(FORMATS).default('table' as const))
    .addOption(jsonOption('the same as --format json').implies({ format: 'json' }))
    .option('--output <file>', 'write the result to a file, whole or not at all')
    .option('--limit <n>', `at most so many rows (default: ${TABLE_ROWS} for a table, else all)`, countArgument)
    .option('--timeout <duration>', 'give up after so long, such as 30s', durationArgument)
    .addHelpText(
      'after',
      `
Examples:
  headrace query "SHOW TABLES"
  headrace query "SELECT uno, sum(orders) AS orders FROM trades_per_minute GROUP BY uno ORDER BY orders DESC LIMIT 5"
  headrace query "SELECT * FROM trades_per_minute" --format parquet --output result.parquet
  headrace query - --format csv < report.sql

Rows are there the moment a pipeline has committed them. A query can read the lake and nothing else.`,
    )
    .action(async (argument, options) => {
      const { openLake } = await import('@headrace/core')
      const sql = argument === '-' ? await readAll(process.stdin) : argument
      const lake = openLake(path.join(options.data, 'lake'))
      const limits: QueryLimits = {
        signal: context.interruption(),
        ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
      }
      if (options.output !== undefined)
        return await writeFile(lake, sql, options.format, options.output, limits, context)
      if (options.format === 'parquet') throw new OutputMissingError({ format: options.format })
      const maxRows = options.limit ?? (options.format === 'table' ? TABLE_ROWS : undefined)
      const result = await lake.query(sql, { ...limits, ...(maxRows === undefined ? {} : { maxRows }) })
      try {
        await print(result, options.format, context)
      } finally {
        result.close()
      }
    })
}

async function writeFile(
  lake: Lake,
  sql: string,
  format: Format,
  to: string,
  limits: QueryLimits,
  context: CliContext,
): Promise<void> {
  const rows = await lake.export(sql, { format: format === 'table' ? formatOf(to) : format, to }, limits)
  context.stderr.write(`${formatCounted(rows, 'row')} written to ${to}\n`)
}

/** The format that a file's name promises. */
function formatOf(file: string): Exclude<Format, 'table'> {
  const extension = path.extname(file).slice(1).toLowerCase()
  if (extension === 'csv' || extension === 'json' || extension === 'ndjson' || extension === 'parquet') return extension
  throw new OutputMissingError({ format: 'table' })
}

async function print(result: QueryResult, format: Exclude<Format, 'parquet'>, context: CliContext): Promise<void> {
  if (format === 'table') return await printTable(result, context)
  const { resultText } = await import('@headrace/core')
  for await (const text of resultText(result, format)) context.stdout.write(text)
}

async function printTable(result: QueryResult, context: CliContext): Promise<void> {
  const rows: (readonly unknown[])[] = []
  for await (const chunk of result.chunks()) rows.push(...chunk)
  const columns = result.columns.map(({ name, type }) => ({
    name,
    align: isNumeric(type) ? ('right' as const) : ('left' as const),
  }))
  context.stdout.write(`${renderTable(columns, rows, { colors: context.colors })}\n`)
  const more = result.truncated
    ? `the first ${formatCount(rows.length)} rows; more with --limit`
    : formatCounted(rows.length, 'row')
  context.stderr.write(`${context.errorColors.dim(`(${more})`)}\n`)
}

function isNumeric(type: string): boolean {
  return /INT|DECIMAL|DOUBLE|FLOAT/.test(type) && !/\[|\(.*[A-Z]/.test(type)
}
