import { quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import type { Field } from '../model/index.ts'
import { type ColumnType, parseType, printType } from './column-type.ts'

/** How one declared column is read from JSON. Both paths read by this, so that they cannot differ. */
export interface JsonColumn {
  readonly name: string
  /** As declared. */
  readonly type: string
  /** What DuckDB's JSON functions are asked for. */
  readonly readAs: ColumnType
  /** The declared type's value, from an expression of the type `readAs`. */
  readonly convert: (expression: string) => string
}

const ZONED = 'TIMESTAMP WITH TIME ZONE'
const WITHOUT_ZONE = /^TIMESTAMP(?:_S|_MS|_NS)?$/i

/**
 * Times without a zone are read as times with one and then put into UTC, because a cast to TIMESTAMP would drop an offset
 * (`15:00+02:00` → 15:00). A text without an offset is UTC: that is the session's zone. `infinity` becomes NULL.
 */
export function planColumns(columns: readonly Field[]): readonly JsonColumn[] {
  return columns.map(({ name, type }) => {
    const declared = parseType(type)
    const readAs = parseType(printType(declared, (scalar) => (WITHOUT_ZONE.test(scalar) ? ZONED : scalar)))
    if (printType(readAs) === printType(declared)) return { name, type, readAs, convert: (expression) => expression }
    return { name, type, readAs, convert: conversion(declared, type) }
  })
}

function conversion(declared: ColumnType, type: string): (expression: string) => string {
  // Much cheaper than ICU's cast, which goes through a calendar.
  const inUtc = (expression: string) => `make_timestamp(epoch_us(${expression}))`
  if (declared.kind !== 'scalar') return (expression) => `CAST(${expression} AS ${type})`
  if (declared.text.toUpperCase() === 'TIMESTAMP') return inUtc
  return (expression) => `CAST(${inUtc(expression)} AS ${type})`
}

/** `{"a": 'INTEGER', …}` for read_json's `columns`. */
export function columnsOption(columns: readonly JsonColumn[]): string {
  return `{${columns.map((c) => `${quoteIdentifier(c.name)}: ${quoteLiteral(printType(c.readAs))}`).join(', ')}}`
}

/** The STRUCT type of a whole record. */
export function recordType(columns: readonly JsonColumn[]): string {
  return printType({ kind: 'struct', fields: columns.map((c) => ({ name: c.name, type: c.readAs })) })
}

/** `SELECT` list of the declared columns; `of` gives the expression that holds a column as it was read. */
export function selectList(columns: readonly JsonColumn[], of: (column: JsonColumn) => string): string {
  return columns.map((column) => `${column.convert(of(column))} AS ${quoteIdentifier(column.name)}`).join(', ')
}
