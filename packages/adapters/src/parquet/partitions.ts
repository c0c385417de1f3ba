import type { Field } from '@headrace/core'

/** A partition column: what it is called, what SQL makes it, and the type that readers see. */
export interface Partition {
  readonly name: string
  /** The column of the rows that it is made from. */
  readonly column: string
  readonly expression: string
  /** Undefined where it is a column of the rows themselves and has that column's type. */
  readonly type?: string
}

type Unit = 'year' | 'month' | 'day' | 'hour'

/** Each value contains the units above it (`hour` = 2026-11-20-13), so that one partition column is enough. */
const UNITS: Readonly<Record<Unit, { type: string; expression: (column: string) => string }>> = {
  year: { type: 'INTEGER', expression: (column) => `CAST(year(${column}) AS INTEGER)` },
  month: { type: 'VARCHAR', expression: (column) => `strftime(${column}, '%Y-%m')` },
  day: { type: 'DATE', expression: (column) => `CAST(${column} AS DATE)` },
  hour: { type: 'VARCHAR', expression: (column) => `strftime(${column}, '%Y-%m-%d-%H')` },
}

const NAME = '([A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")'
const COLUMN_FORM = new RegExp(`^${NAME}$`)
const UNIT_FORM = new RegExp(`^(year|month|day|hour)\\s*\\(\\s*${NAME}\\s*\\)$`, 'i')

/** Reads `column`, `year(column)`, `month(column)`, `day(column)` or `hour(column)`; undefined for anything else. Times are UTC. */
export function parsePartition(text: string): Partition | undefined {
  const column = COLUMN_FORM.exec(text.trim())
  if (column !== null) {
    const name = unquote(column[1] as string)
    return { name, column: name, expression: quote(name) }
  }
  const unit = UNIT_FORM.exec(text.trim())
  if (unit === null) return undefined
  const name = (unit[1] as string).toLowerCase() as Unit
  const source = unquote(unit[2] as string)
  return { name, column: source, expression: UNITS[name].expression(quote(source)), type: UNITS[name].type }
}

/** What is wrong with partitions over these columns: the number of the partition and why. */
export function partitionProblems(
  partitions: readonly Partition[],
  columns: readonly Field[],
): { index: number; message: string }[] {
  const typeOf = new Map(columns.map((column) => [column.name, column.type]))
  return partitions.flatMap((partition, index) => {
    const message = problemOf(partition, typeOf)
    return message === undefined ? [] : [{ index, message }]
  })
}

function problemOf(partition: Partition, typeOf: ReadonlyMap<string, string>): string | undefined {
  const { name, column } = partition
  const type = typeOf.get(column)
  if (type === undefined) return `the rows have no column "${column}"`
  // DuckDB writes other letters as %xx, and does not find the column under its name again.
  if (!/^[A-Za-z0-9_]+$/.test(name)) return `"${name}" is no name for a folder: select it under a name of plain letters`
  if (partition.type === undefined) {
    return /[[(]/.test(type) && !type.startsWith('DECIMAL')
      ? `"${column}" is a ${type}: not a value for a folder's name`
      : undefined
  }
  if (typeOf.has(name)) return `the rows have a column "${name}" already, which the partition "${name}" would hide`
  if (!/^(DATE|TIMESTAMP.*)$/.test(type)) return `${name}(…) needs a DATE or TIMESTAMP, and "${column}" is ${type}`
  return undefined
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}
