/** A table as the configuration names it: taken letter by letter, never folded to lower case. */
export interface TableName {
  /** Undefined: the first schema of the connection's search path. */
  readonly schema: string | undefined
  readonly name: string
}

/** PostgreSQL cuts longer names without an error (NAMEDATALEN − 1). */
export const MAX_NAME_BYTES = 63

const PART = '(?:[\\p{L}_][\\p{L}\\p{N}_$]*|"(?:[^"\\u0000]|"")+")'
const FORM = new RegExp(`^(?:(${PART})\\.)?(${PART})$`, 'u')

/** `name`, `schema.name`, or with double quotes around either; undefined for anything else. */
export function parseTableName(text: string): TableName | undefined {
  const match = FORM.exec(text)
  if (match === null) return undefined
  const schema = match[1] === undefined ? undefined : unquote(match[1])
  const name = unquote(match[2] ?? '')
  const tooLong = [schema ?? '', name].some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)
  return tooLong ? undefined : { schema, name }
}

function unquote(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part
}

/** A name as PostgreSQL and DuckDB read it back exactly. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteNames(names: readonly string[]): string {
  return names.map(quoteName).join(', ')
}

export function quoteTable(table: TableName): string {
  return table.schema === undefined ? quoteName(table.name) : `${quoteName(table.schema)}.${quoteName(table.name)}`
}
