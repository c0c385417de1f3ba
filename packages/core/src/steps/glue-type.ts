import { quoteIdentifier } from '../duckdb/index.ts'

const SCALARS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    string: 'VARCHAR',
    char: 'VARCHAR',
    varchar: 'VARCHAR',
    byte: 'TINYINT',
    tinyint: 'TINYINT',
    short: 'SMALLINT',
    smallint: 'SMALLINT',
    int: 'INTEGER',
    integer: 'INTEGER',
    long: 'BIGINT',
    bigint: 'BIGINT',
    float: 'FLOAT',
    double: 'DOUBLE',
    boolean: 'BOOLEAN',
    binary: 'BLOB',
    date: 'DATE',
    timestamp: 'TIMESTAMP',
  }),
)

/** A type by its name in Glue (and so in Hive) as DuckDB's; undefined where Glue has none of that name. */
export function glueType(text: string): string | undefined {
  const name = text.trim().toLowerCase()
  const scalar = SCALARS.get(name)
  if (scalar !== undefined) return scalar
  const match = /^([a-z]+)\s*(?:\(([^()]*)\)|<(.*)>)?$/s.exec(name)
  if (match === null) return undefined
  const [, kind = '', numbers, inner] = match
  if (kind === 'decimal') return decimal(numbers)
  if ((kind === 'char' || kind === 'varchar') && /^\s*\d+\s*$/.test(numbers ?? '')) return 'VARCHAR'
  if (inner === undefined) return undefined
  if (kind === 'array') return list(inner)
  if (kind === 'map') return map(inner)
  return kind === 'struct' ? struct(inner) : undefined
}

// Glue's DecimalType() is decimal(10,2).
function decimal(numbers: string | undefined): string | undefined {
  const match = /^\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?$/.exec(numbers ?? '10,2')
  if (match === null) return undefined
  const [precision, scale] = [Number(match[1]), Number(match[2] ?? 0)]
  return precision >= 1 && precision <= 38 && scale <= precision ? `DECIMAL(${precision},${scale})` : undefined
}

function list(inner: string): string | undefined {
  const element = glueType(inner)
  return element === undefined ? undefined : `${element}[]`
}

function map(inner: string): string | undefined {
  const [key, value, more] = splitTop(inner, ',').map(glueType)
  return key === undefined || value === undefined || more !== undefined ? undefined : `MAP(${key}, ${value})`
}

function struct(inner: string): string | undefined {
  const fields = splitTop(inner, ',').map((field) => {
    const [name = '', ...type] = field.split(':')
    const known = glueType(type.join(':'))
    return name.trim() === '' || known === undefined ? undefined : `${quoteIdentifier(name.trim())} ${known}`
  })
  return fields.includes(undefined) ? undefined : `STRUCT(${fields.join(', ')})`
}

/** Splits at a separator that stands in no brackets. */
function splitTop(text: string, separator: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (const [i, character] of [...text].entries()) {
    if ('<('.includes(character)) depth += 1
    else if ('>)'.includes(character)) depth -= 1
    else if (character === separator && depth === 0) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, text.slice(from)]
}
