import { quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import type { Field } from '../model/index.ts'
import { type ColumnType, parseType, printType } from './column-type.ts'
import { UnreadableColumnError } from './errors.ts'

/** How one declared column is read from JSON. Both paths read by this, so that they cannot differ. */
export interface JsonColumn {
  readonly name: string
  readonly type: ColumnType
  /** What DuckDB's JSON reader is asked for. */
  readonly readAs: string
  /** The declared type's value, from an expression of the type `readAs`. */
  readonly convert: (expression: string) => string
}

type BlobText = 'plain' | 'escaped'

const ZONED = 'TIMESTAMP WITH TIME ZONE'
const WITHOUT_ZONE = /^TIMESTAMP(?:_S|_MS|_NS)?$/i

/**
 * Times without a zone are read as times with one and then put into UTC, because a cast to TIMESTAMP would drop an offset
 * (`15:00+02:00` → 15:00). A text without an offset is UTC: that is the session's zone. `infinity` becomes NULL.
 * Bytes are those of a string's characters, or with `blobs: 'escaped'` what DuckDB's text form (`\\x00`) stands for.
 * Throws `UnreadableColumnError` (DECODE_COLUMN_UNREADABLE) for a type that JSON has no value of.
 */
export function planColumns(columns: readonly Field[], blobs: BlobText = 'plain'): readonly JsonColumn[] {
  return columns.map((field) => {
    const type = parseType(field.type)
    if (!hasTextKeys(type)) throw new UnreadableColumnError({ column: field.name, type: field.type })
    const readAs = printType(readable(type, blobs))
    const asDeclared = readAs === printType(type)
    return { name: field.name, type, readAs, convert: asDeclared ? (expression) => expression : conversion(type) }
  })
}

/** Keys of a JSON object are text; and DuckDB fails the whole statement, TRY_CAST or not, where one does not cast. */
function hasTextKeys(type: ColumnType): boolean {
  switch (type.kind) {
    case 'scalar':
      return true
    case 'list':
    case 'array':
      return hasTextKeys(type.element)
    case 'map':
      return type.key.kind === 'scalar' && type.key.text === 'VARCHAR' && hasTextKeys(type.value)
    case 'struct':
      return type.fields.every((field) => hasTextKeys(field.type))
  }
}

/** The type that stands in for a scalar while JSON is read. */
export function readableScalar(text: string, blobs: BlobText = 'plain'): string {
  if (blobs === 'escaped' && text === 'BLOB') return 'VARCHAR'
  return WITHOUT_ZONE.test(text) ? ZONED : text
}

function readable(type: ColumnType, blobs: BlobText): ColumnType {
  switch (type.kind) {
    case 'scalar':
      return { kind: 'scalar', text: readableScalar(type.text, blobs) }
    case 'list':
    case 'array':
      return { ...type, element: readable(type.element, blobs) }
    case 'map':
      return { ...type, value: readable(type.value, blobs) }
    case 'struct':
      return {
        kind: 'struct',
        fields: type.fields.map((field) => ({ name: field.name, type: readable(field.type, blobs) })),
      }
  }
}

function conversion(type: ColumnType): (expression: string) => string {
  // Much cheaper than ICU's cast, which goes through a calendar.
  const inUtc = (expression: string) => `make_timestamp(epoch_us(${expression}))`
  // What is no text of bytes fails the whole statement otherwise.
  if (type.kind !== 'scalar') return (expression) => `TRY_CAST(${expression} AS ${printType(type)})`
  if (type.text.toUpperCase() === 'TIMESTAMP') return inUtc
  return (expression) => `CAST(${inUtc(expression)} AS ${type.text})`
}

/** `{"a": 'INTEGER', …}` for read_json's `columns`. */
export function columnsOption(columns: readonly JsonColumn[]): string {
  return `{${columns.map((c) => `${quoteIdentifier(c.name)}: ${quoteLiteral(c.readAs)}`).join(', ')}}`
}

/** The STRUCT type of a whole record. */
export function recordType(columns: readonly JsonColumn[]): string {
  return `STRUCT(${columns.map((c) => `${quoteIdentifier(c.name)} ${c.readAs}`).join(', ')})`
}

/** `SELECT` list of the declared columns; `of` gives the expression that holds a column as it was read. */
export function selectList(columns: readonly JsonColumn[], of: (column: JsonColumn) => string): string {
  return columns.map((column) => `${column.convert(of(column))} AS ${quoteIdentifier(column.name)}`).join(', ')
}
