import { quoteIdentifier } from '../duckdb/index.ts'

/** A DuckDB type taken apart, as far as JSON has structure: everything without parts is a scalar. */
export type ColumnType =
  | { readonly kind: 'scalar'; readonly text: string }
  | { readonly kind: 'list'; readonly element: ColumnType }
  | { readonly kind: 'array'; readonly element: ColumnType; readonly size: number }
  | { readonly kind: 'map'; readonly key: ColumnType; readonly value: ColumnType }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly type: ColumnType }[] }

/** Reads a type as DuckDB prints it: `STRUCT(a INTEGER, "b c" VARCHAR[])[3]`. */
export function parseType(text: string): ColumnType {
  const reader = { text, at: 0 }
  return readType(reader)
}

/** The type as DuckDB prints it. */
export function printType(type: ColumnType): string {
  switch (type.kind) {
    case 'scalar':
      return type.text
    case 'list':
      return `${printType(type.element)}[]`
    case 'array':
      return `${printType(type.element)}[${type.size}]`
    case 'map':
      return `MAP(${printType(type.key)}, ${printType(type.value)})`
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${printType(field.type)}`).join(', ')})`
  }
}

interface Reader {
  readonly text: string
  at: number
}

function readType(reader: Reader): ColumnType {
  let type = readElement(reader)
  for (let match = take(reader, /\[(\d*)\]/y); match !== null; match = take(reader, /\[(\d*)\]/y)) {
    type = match[1] === '' ? { kind: 'list', element: type } : { kind: 'array', element: type, size: Number(match[1]) }
  }
  return type
}

function readElement(reader: Reader): ColumnType {
  if (take(reader, /STRUCT\(/iy) !== null) return readStruct(reader)
  if (take(reader, /MAP\(/iy) !== null) {
    const key = readType(reader)
    take(reader, /,/y)
    const value = readType(reader)
    take(reader, /\)/y)
    return { kind: 'map', key, value }
  }
  // A name of one or more words, perhaps with arguments: DECIMAL(18,3), ENUM('a', 'b)'), TIMESTAMP WITH TIME ZONE.
  const match = take(reader, /[^,()[\]]+(?:\((?:'(?:[^']|'')*'|[^')])*\))?/y)
  return { kind: 'scalar', text: (match?.[0] ?? '').trim() }
}

function readStruct(reader: Reader): ColumnType {
  const fields: { name: string; type: ColumnType }[] = []
  while (take(reader, /\)/y) === null && reader.at < reader.text.length) {
    // A type alone where the fields have no names, as `row(1, 2)` makes them: STRUCT(INTEGER, INTEGER).
    const [, quotedName, bareName] = take(reader, /(?:"((?:[^"]|"")+)"|(\w+)) /y) ?? []
    fields.push({ name: quotedName?.replaceAll('""', '"') ?? bareName ?? '', type: readType(reader) })
    take(reader, /,/y)
  }
  return { kind: 'struct', fields }
}

/** Takes what the (sticky) pattern matches here, spaces before it aside. */
function take(reader: Reader, pattern: RegExp): RegExpExecArray | null {
  while (reader.text[reader.at] === ' ') reader.at++
  pattern.lastIndex = reader.at
  const match = pattern.exec(reader.text)
  if (match !== null) reader.at = pattern.lastIndex
  return match
}
