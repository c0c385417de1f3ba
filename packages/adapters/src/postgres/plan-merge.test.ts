import { expect, test } from 'vitest'
import { planMerge } from './plan-merge.ts'
import type { TablePlan } from './plan-table.ts'

const plan: TablePlan = {
  table: { schema: 'public', name: 'trades' },
  columns: [
    { source: 'tno', target: 'tno' },
    { source: 'items', target: 'Items' },
  ],
  key: ['tno'],
  update: ['Items'],
  takesCopy: true,
}

test('without a key COPY writes into the table', () => {
  expect(planMerge({ ...plan, key: [], update: [] })).toEqual({
    select: ['"tno"', '"items"'],
    createStage: undefined,
    copy: `COPY "public"."trades" ("tno", "Items") FROM STDIN (FORMAT csv, NULL '', ENCODING 'UTF8')`,
    merge: undefined,
  })
})

test('with a key the last row of each goes from a temporary table into the target', () => {
  const { select, createStage, copy, merge } = planMerge(plan)
  expect(select).toEqual(['row_number() OVER () - 1 AS "_row"', '"tno"', '"items"'])
  expect(createStage).toContain('SELECT 0::bigint AS "_row", "tno", "Items" FROM "public"."trades" WITH NO DATA')
  expect(copy).toContain('COPY pg_temp.headrace_batch ("_row", "tno", "Items")')
  expect(merge?.all).toBe(
    'INSERT INTO "public"."trades" ("tno", "Items") SELECT DISTINCT ON ("tno") "tno", "Items" FROM pg_temp.headrace_batch ORDER BY "tno", "_row" DESC ON CONFLICT ("tno") DO UPDATE SET "Items" = EXCLUDED."Items"',
  )
})

test('nothing to update means that the first row stays', () => {
  expect(planMerge({ ...plan, update: [] }).merge?.all).toMatch(/ON CONFLICT \("tno"\) DO NOTHING$/)
})

test('a view or a table with row security takes no COPY: rows pass through the temporary table in order', () => {
  const { createStage, merge } = planMerge({ ...plan, key: [], update: [], takesCopy: false })
  expect(createStage).toBeDefined()
  expect(merge?.all).toBe(
    'INSERT INTO "public"."trades" ("tno", "Items") SELECT "tno", "Items" FROM pg_temp.headrace_batch ORDER BY "_row"',
  )
  expect(merge?.nullKeys).toBeUndefined()
})
