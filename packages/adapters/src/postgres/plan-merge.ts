import { quoteName, quoteNames, quoteTable } from './names.ts'
import type { TablePlan } from './plan-table.ts'

const STAGE = 'pg_temp.headrace_batch'

/** The row's number in its batch, from 0. Names with an underscore in front are not the user's. */
const ROW = '"_row"'

/** The statements that bring a batch into its table. All of one transaction. */
export interface MergePlan {
  /** Expressions over the batch's columns for the CSV file. */
  readonly select: readonly string[]
  /** Makes the temporary table; undefined where COPY writes into the target. */
  readonly createStage: string | undefined
  readonly copy: string
  readonly merge: StageMerge | undefined
}

export interface StageMerge {
  /** Rows whose key has a NULL in it (`row`): no unique index would ever find them again. */
  readonly nullKeys: string | undefined
  readonly all: string
  /** Takes the winners out of the stage's rows, so that parts of it can be merged apart. */
  readonly keepWinners: string | undefined
  /** The rows `$1` to `$2` (exclusive). */
  readonly part: string
}

/**
 * Without a key rows are copied straight into the table. With one they go through a temporary table whose columns have the
 * target's types, and from there by INSERT … ON CONFLICT. Of several rows with one key the last one wins.
 */
export function planMerge(plan: TablePlan): MergePlan {
  const targets = quoteNames(plan.columns.map((column) => column.target))
  const sources = plan.columns.map((column) => quoteName(column.source))
  const table = quoteTable(plan.table)
  if (plan.key.length === 0 && plan.takesCopy) {
    return { select: sources, createStage: undefined, copy: copyInto(table, targets), merge: undefined }
  }
  return {
    select: [`row_number() OVER () - 1 AS ${ROW}`, ...sources],
    // CREATE TABLE AS keeps types, lengths and collations, and no constraint.
    createStage: `CREATE TEMP TABLE headrace_batch ON COMMIT DROP AS SELECT 0::bigint AS ${ROW}, ${targets} FROM ${table} WITH NO DATA`,
    copy: copyInto(STAGE, `${ROW}, ${targets}`),
    merge: planStageMerge(plan, table, targets),
  }
}

function copyInto(table: string, columns: string): string {
  return `COPY ${table} (${columns}) FROM STDIN (FORMAT csv, NULL '', ENCODING 'UTF8')`
}

function planStageMerge(plan: TablePlan, table: string, targets: string): StageMerge {
  const insert = `INSERT INTO ${table} (${targets})`
  const range = `WHERE ${ROW} >= $1 AND ${ROW} < $2`
  if (plan.key.length === 0) {
    return {
      nullKeys: undefined,
      keepWinners: undefined,
      all: `${insert} SELECT ${targets} FROM ${STAGE} ORDER BY ${ROW}`,
      part: `${insert} SELECT ${targets} FROM ${STAGE} ${range} ORDER BY ${ROW}`,
    }
  }
  const key = quoteNames(plan.key)
  const newestFirst = `ORDER BY ${key}, ${ROW} DESC`
  const conflict = `ON CONFLICT (${key}) ${onConflict(plan)}`
  return {
    nullKeys: `SELECT ${ROW}::text AS row FROM ${STAGE} WHERE ${plan.key.map((name) => `${quoteName(name)} IS NULL`).join(' OR ')} ORDER BY ${ROW}`,
    all: `${insert} SELECT DISTINCT ON (${key}) ${targets} FROM ${STAGE} ${newestFirst} ${conflict}`,
    keepWinners: `DELETE FROM ${STAGE} WHERE ${ROW} NOT IN (SELECT DISTINCT ON (${key}) ${ROW} FROM ${STAGE} ${newestFirst})`,
    part: `${insert} SELECT ${targets} FROM ${STAGE} ${range} ORDER BY ${ROW} ${conflict}`,
  }
}

function onConflict(plan: TablePlan): string {
  if (plan.update.length === 0) return 'DO NOTHING'
  return `DO UPDATE SET ${plan.update.map((name) => `${quoteName(name)} = EXCLUDED.${quoteName(name)}`).join(', ')}`
}

/** Lets parts be found by row number. */
export const INDEX_STAGE = `CREATE INDEX ON ${STAGE} (${ROW}); ANALYZE ${STAGE}`

export const DROP_ROWS = `DELETE FROM ${STAGE} WHERE ${ROW} = ANY ($1::bigint[])`
