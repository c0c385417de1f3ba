import { quoteName, type TableName } from './names.ts'
import type { PostgresSession } from './session.ts'

export interface TargetColumn {
  readonly name: string
  readonly type: string
  /** NOT NULL, and nothing fills it in. */
  readonly required: boolean
  /** False for columns that the table computes itself. */
  readonly writable: boolean
}

/** A table as the server has it. */
export interface TargetTable {
  readonly schema: string
  readonly name: string
  readonly columns: readonly TargetColumn[]
  /** Columns of the unique indexes that ON CONFLICT can use. */
  readonly uniqueKeys: readonly (readonly string[])[]
  /** COPY may write into it: a plain or partitioned table without row security. */
  readonly takesCopy: boolean
}

// Headrace's own schema is on the search path of a user of that name, and never what is meant.
const SEARCHED = "array_remove(current_schemas(false), 'headrace')"

const TABLE = `
  SELECT c.oid, n.nspname AS schema, c.relname AS name,
         c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AS "takesCopy"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'f')
    AND n.nspname = ANY (CASE WHEN $1::name IS NULL THEN ${SEARCHED} ELSE ARRAY[$1::name] END)
  ORDER BY array_position(${SEARCHED}, n.nspname) LIMIT 1`

const COLUMNS = `
  SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
         attnotnull AND NOT atthasdef AND attidentity = '' AS required,
         attgenerated = '' AND attidentity <> 'a' AS writable
  FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`

// ON CONFLICT infers only indexes that are unique, whole, over plain columns and checked at once.
const UNIQUE_KEYS = `
  SELECT array_agg(a.attname::text) AS columns
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
  GROUP BY i.indexrelid`

/** Undefined when there is no such table (or view). */
export async function introspect(session: PostgresSession, table: TableName): Promise<TargetTable | undefined> {
  type Found = Pick<TargetTable, 'schema' | 'name' | 'takesCopy'> & { oid: number }
  const [found] = await session.rows<Found>(TABLE, [table.schema ?? null, table.name])
  if (found === undefined) return undefined
  const { oid, schema, name, takesCopy } = found
  const columns = await session.rows<TargetColumn & Record<string, unknown>>(COLUMNS, [oid])
  const keys = await session.rows<{ columns: string[] }>(UNIQUE_KEYS, [oid])
  return { schema, name, takesCopy, columns, uniqueKeys: keys.map((key) => key.columns) }
}

/** Where a new table goes whose name has no schema; undefined when the search path leads nowhere. */
export async function creationSchema(session: PostgresSession): Promise<string | undefined> {
  const [found] = await session.rows<{ schema: string | null }>(`SELECT (${SEARCHED})[1] AS schema`)
  return found?.schema ?? undefined
}

/** CREATE SCHEMA IF NOT EXISTS wants rights on the database even where there is nothing to create. */
export async function ensureSchema(session: PostgresSession, schema: string): Promise<void> {
  const found = await session.rows('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  if (found.length === 0) await session.run(`CREATE SCHEMA ${quoteName(schema)}`)
}
