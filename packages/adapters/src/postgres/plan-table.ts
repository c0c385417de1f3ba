import type { Field } from '@headrace/core'
import type { PostgresSinkConfig } from './config.ts'
import {
  PostgresColumnMissingError,
  PostgresColumnNotWritableError,
  PostgresColumnRequiredError,
  PostgresKeyNotUniqueError,
} from './errors.ts'
import type { TargetColumn, TargetTable } from './introspect.ts'
import { quoteName, quoteNames, quoteTable, type TableName } from './names.ts'
import { postgresType } from './types.ts'

/** How rows go into a table. Names are the table's own. */
export interface TablePlan {
  readonly table: TableName
  /** A column of the rows and the column of the table that takes it, in the rows' order. */
  readonly columns: readonly { readonly source: string; readonly target: string }[]
  /** Empty: rows are only added. */
  readonly key: readonly string[]
  /** What a row whose key is there already changes. */
  readonly update: readonly string[]
  readonly takesCopy: boolean
}

type Wishes = Pick<PostgresSinkConfig, 'key' | 'insertOnly'>

/**
 * Fits rows to a table. A column goes to the one of its name, or else to the only one that differs from it in letter case
 * alone. Throws what does not fit: POSTGRES_COLUMN_MISSING, _REQUIRED, _NOT_WRITABLE, POSTGRES_KEY_NOT_UNIQUE.
 */
export function planTable(table: TargetTable, wishes: Wishes, rows: readonly Field[]): TablePlan {
  const key = wishes.key ?? []
  const insertOnly = wishes.insertOnly ?? []
  requireColumns(table, rows, insertOnly)
  const columns = rows.map((field) => ({
    source: field.name,
    target: columnFor(table, field.name)?.name ?? field.name,
  }))
  const targets = columns.map((column) => column.target)
  requireWritable(table, targets)
  requireValues(table, targets)
  const keyTargets = key.map((name) => columnFor(table, name)?.name ?? name)
  requireUnique(table, keyTargets)
  const fixed = new Set([...keyTargets, ...insertOnly.map((name) => columnFor(table, name)?.name ?? name)])
  return {
    table,
    columns,
    key: keyTargets,
    update: targets.filter((name) => !fixed.has(name)),
    takesCopy: table.takesCopy,
  }
}

function columnFor(table: TargetTable, name: string): TargetColumn | undefined {
  const exact = table.columns.find((column) => column.name === name)
  if (exact !== undefined) return exact
  const alike = table.columns.filter((column) => column.name.toLowerCase() === name.toLowerCase())
  return alike.length === 1 ? alike[0] : undefined
}

function requireColumns(table: TargetTable, rows: readonly Field[], insertOnly: readonly string[]): void {
  const wanted = [...rows, ...ownColumns(rows, insertOnly)]
  const missing = wanted.filter((field) => columnFor(table, field.name) === undefined)
  if (missing.length === 0) return
  const additions = missing.map((field) => `ADD COLUMN ${definition(field)}`).join(', ')
  throw new PostgresColumnMissingError({
    table: quoteTable(table),
    columns: missing.map((field) => field.name),
    statement: `ALTER TABLE ${quoteTable(table)} ${additions}`,
  })
}

function requireWritable(table: TargetTable, targets: readonly string[]): void {
  const columns = table.columns.filter((column) => !column.writable && targets.includes(column.name))
  if (columns.length === 0) return
  throw new PostgresColumnNotWritableError({ table: quoteTable(table), columns: columns.map((column) => column.name) })
}

function requireValues(table: TargetTable, targets: readonly string[]): void {
  const columns = table.columns.filter((column) => column.required && !targets.includes(column.name))
  if (columns.length === 0) return
  throw new PostgresColumnRequiredError({ table: quoteTable(table), columns: columns.map((column) => column.name) })
}

function requireUnique(table: TargetTable, key: readonly string[]): void {
  if (key.length === 0) return
  const wanted = new Set(key)
  const fits = table.uniqueKeys.some((columns) => columns.length === wanted.size && columns.every((c) => wanted.has(c)))
  if (fits) return
  const statement = `CREATE UNIQUE INDEX ON ${quoteTable(table)} (${quoteNames(key)})`
  throw new PostgresKeyNotUniqueError({ table: quoteTable(table), key, statement })
}

/** The CREATE TABLE for rows of these columns; insert-only columns that are the table's own hold the time of the insert. */
export function planCreateTable(table: TableName, wishes: Wishes, rows: readonly Field[]): string {
  const key = wishes.key ?? []
  const own = ownColumns(rows, wishes.insertOnly ?? [])
  const parts = [...rows, ...own].map(definition)
  if (key.length > 0) parts.push(`PRIMARY KEY (${quoteNames(key)})`)
  return `CREATE TABLE ${quoteTable(table)} (${parts.join(', ')})`
}

interface Definition extends Field {
  readonly own?: true
}

function ownColumns(rows: readonly Field[], insertOnly: readonly string[]): Definition[] {
  const has = (name: string) => rows.some((field) => field.name.toLowerCase() === name.toLowerCase())
  return insertOnly.filter((name) => !has(name)).map((name) => ({ name, type: 'timestamptz', own: true }))
}

function definition(field: Definition): string {
  const type = field.own === true ? 'timestamptz NOT NULL DEFAULT now()' : postgresType(field.type)
  return `${quoteName(field.name)} ${type}`
}
