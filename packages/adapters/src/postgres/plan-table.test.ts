import { describe, expect, test } from 'vitest'
import type { TargetColumn, TargetTable } from './introspect.ts'
import { planCreateTable, planTable } from './plan-table.ts'

const column = (name: string, more: Partial<TargetColumn> = {}): TargetColumn => ({
  name,
  type: 'text',
  required: false,
  writable: true,
  ...more,
})

const table: TargetTable = {
  schema: 'public',
  name: 'trades',
  columns: [column('tno'), column('uno'), column('Items'), column('created_at')],
  uniqueKeys: [['uno', 'tno'], ['tno']],
  takesCopy: true,
}

const rows = [
  { name: 'tno', type: 'VARCHAR' },
  { name: 'uno', type: 'VARCHAR' },
  { name: 'items', type: 'HUGEINT' },
]

function codeOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return { code: (error as { code: string }).code, hint: (error as { hint: string }).hint }
  }
  return undefined
}

describe('planTable', () => {
  test('names go to the one alike, keys to an index of the same columns in any order', () => {
    const plan = planTable(table, { key: ['tno', 'uno'], insertOnly: ['created_at'] }, rows)
    expect(plan.columns).toEqual([
      { source: 'tno', target: 'tno' },
      { source: 'uno', target: 'uno' },
      { source: 'items', target: 'Items' },
    ])
    expect(plan.update).toEqual(['Items'])
  })

  test('insert-only columns of the rows are written once', () => {
    expect(planTable(table, { key: ['tno'], insertOnly: ['items', 'created_at'] }, rows).update).toEqual(['uno'])
  })

  test('letter case decides only where one column is meant', () => {
    const twice = { ...table, columns: [...table.columns, column('ITEMS')] }
    expect(codeOf(() => planTable(twice, {}, rows))).toMatchObject({ code: 'POSTGRES_COLUMN_MISSING' })
    const exact = { ...table, columns: [...table.columns, column('items')] }
    expect(planTable(exact, {}, rows).columns.at(-1)?.target).toBe('items')
  })

  test('what is missing is named with the statement that adds it', () => {
    const more = [...rows, { name: 'price', type: 'DECIMAL(18,3)' }]
    expect(codeOf(() => planTable(table, { key: ['tno'], insertOnly: ['first_seen'] }, more))).toEqual({
      code: 'POSTGRES_COLUMN_MISSING',
      hint: expect.stringContaining(
        'ALTER TABLE "public"."trades" ADD COLUMN "price" numeric(18,3), ADD COLUMN "first_seen" timestamptz NOT NULL DEFAULT now()',
      ),
    })
  })

  test('columns that need a value, or take none, and keys without an index', () => {
    const strict = { ...table, columns: [...table.columns, column('region', { required: true })] }
    expect(codeOf(() => planTable(strict, {}, rows))).toMatchObject({ code: 'POSTGRES_COLUMN_REQUIRED' })
    const computed = { ...table, columns: [column('tno', { writable: false }), ...table.columns.slice(1)] }
    expect(codeOf(() => planTable(computed, {}, rows))).toMatchObject({ code: 'POSTGRES_COLUMN_NOT_WRITABLE' })
    expect(codeOf(() => planTable(table, { key: ['uno'] }, rows))).toEqual({
      code: 'POSTGRES_KEY_NOT_UNIQUE',
      hint: expect.stringContaining('CREATE UNIQUE INDEX ON "public"."trades" ("uno")'),
    })
  })
})

test('planCreateTable: types, key, and a time for insert-only columns that the rows do not have', () => {
  const wishes = { key: ['tno', 'uno'], insertOnly: ['created_at'] }
  expect(planCreateTable({ schema: undefined, name: 'per minute' }, wishes, rows)).toBe(
    'CREATE TABLE "per minute" ("tno" text, "uno" text, "items" numeric(39,0), "created_at" timestamptz NOT NULL DEFAULT now(), PRIMARY KEY ("tno", "uno"))',
  )
})
