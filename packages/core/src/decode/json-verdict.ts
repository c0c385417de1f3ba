import { quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import type { ColumnType } from './column-type.ts'
import { type JsonColumn, readableScalar } from './json-columns.ts'

/** What is wrong with a record, as one number: its kind and its column. */
export type Verdict =
  | { readonly kind: 'malformed' }
  | { readonly kind: 'wrongType'; readonly column: number }
  | { readonly kind: 'duplicate'; readonly column: number }
  | { readonly kind: 'missing'; readonly column: number }

const KINDS = ['wrongType', 'duplicate', 'missing'] as const

export function readVerdict(code: number, columns: number): Verdict {
  if (code === 0) return { kind: 'malformed' }
  const column = (code - 1) % columns
  return { kind: KINDS[Math.floor((code - 1) / columns)] as (typeof KINDS)[number], column }
}

/**
 * SQL for the number of the first thing that is wrong with a record, or NULL. `json` is the record as JSON (NULL where it
 * is none), `keys` its keys, `row` the same cast to a struct of the columns, in which a failed cast left NULL.
 *
 * A record is good if DuckDB's strict reader takes it: a value must cast to its column's type (as the reader casts:
 * `"12"` is an INTEGER, `"2.5"` is none, 2.5 is rounded), null and missing keys are NULL, other keys are ignored, and no declared
 * key may stand twice.
 */
export function verdictSql(
  columns: readonly JsonColumn[],
  required: ReadonlySet<string>,
  json: string,
  keys: string,
  row: string,
): string {
  const n = columns.length
  const field = (column: JsonColumn) => `${row}.${quoteIdentifier(column.name)}`
  const cases = columns.map((c, i) => [wrongType(c, json, field(c)), 1 + i])
  cases.push(...columns.map((c, i) => [duplicate(keys, c.name), 1 + n + i]))
  columns.forEach((c, i) => {
    if (required.has(c.name)) cases.push([`${c.convert(field(c))} IS NULL`, 1 + 2 * n + i])
  })
  const whens = cases.map(([condition, code]) => `WHEN ${condition} THEN ${code}`).join('\n      ')
  return `CASE WHEN ${json} IS NULL THEN 0\n      ${whens} END`
}

/** JSON pointer (RFC 6901) of a key. */
export function pointerTo(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function wrongType(column: JsonColumn, json: string, value: string): string {
  const part = `json_extract(${json}, ${quoteLiteral(pointerTo(column.name))})`
  if (column.type.kind !== 'scalar') return isWrong(part, column.type, 0)
  // Only where the cast gave NULL need the JSON be looked at again.
  return `CASE WHEN ${value} IS NULL THEN ${isPresent(part)} ELSE false END`
}

/** Whether a JSON value fails to cast to a type anywhere within: a cast leaves NULL for the part that failed. */
export function isWrong(json: string, type: ColumnType, depth: number): string {
  switch (type.kind) {
    case 'scalar':
      return isPresentAnd(json, `TRY_CAST(${json} AS ${readableScalar(type.text)}) IS NULL`)
    case 'list':
      return isPresentAnd(json, `${isNot(json, 'ARRAY')} OR ${anyWrong(elements(json), type.element, depth)}`)
    case 'array': {
      const length = `json_array_length(${json}) <> ${type.size}`
      return isPresentAnd(
        json,
        `${isNot(json, 'ARRAY')} OR ${length} OR ${anyWrong(elements(json), type.element, depth)}`,
      )
    }
    case 'map': {
      // As a map of JSON rather than by its keys: a key may stand twice, each time with a value.
      const values = `map_values(TRY_CAST(${json} AS MAP(VARCHAR, JSON)))`
      return isPresentAnd(json, `${isNot(json, 'OBJECT')} OR ${anyWrong(values, type.value, depth)}`)
    }
    case 'struct': {
      const fields = type.fields.flatMap((field) => [
        duplicate(`json_keys(${json})`, field.name),
        isWrong(`json_extract(${json}, ${quoteLiteral(pointerTo(field.name))})`, field.type, depth),
      ])
      return isPresentAnd(json, [isNot(json, 'OBJECT'), ...fields].join(' OR '))
    }
  }
}

function anyWrong(list: string, element: ColumnType, depth: number): string {
  return anyTrue(`list_transform(${list}, lambda e${depth}: ${isWrong(`e${depth}`, element, depth + 1)})`)
}

function anyTrue(list: string): string {
  return `coalesce(list_bool_or(${list}), false)`
}

function elements(json: string): string {
  return `TRY_CAST(${json} AS JSON[])`
}

function isPresent(json: string): string {
  return `coalesce(json_type(${json}), 'NULL') <> 'NULL'`
}

/** CASE keeps the second condition from being asked of what has no parts. */
function isPresentAnd(json: string, condition: string): string {
  return `CASE WHEN ${isPresent(json)} THEN (${condition}) ELSE false END`
}

function isNot(json: string, type: 'ARRAY' | 'OBJECT'): string {
  return `json_type(${json}) <> '${type}'`
}

function duplicate(keys: string, name: string): string {
  const key = quoteLiteral(name)
  return `coalesce(list_contains(${keys}[list_position(${keys}, ${key}) + 1:], ${key}), false)`
}
