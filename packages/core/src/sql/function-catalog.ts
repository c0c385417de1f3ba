import type { Connection } from '../duckdb/index.ts'

/** What must be known about functions before SQL may use them. All names in lower case. */
export interface FunctionCatalog {
  readonly aggregates: ReadonlySet<string>
  /** Macros of DuckDB's that hide an aggregate: it could neither be split nor ordered. */
  readonly aggregateMacros: ReadonlySet<string>
  readonly unstable: ReadonlySet<string>
}

// DuckDB calls these consistent, or they are macros over functions that are not.
const ALSO_UNSTABLE = [
  'ago',
  'current_localtime',
  'current_localtimestamp',
  'current_catalog',
  'current_user',
  'current_role',
  'session_user',
  'user',
  'reservoir_quantile',
]

/** Functions that read the process, its settings or its catalog, or write to its log. */
export const OUTSIDE_FUNCTIONS: ReadonlySet<string> = new Set([
  'getenv',
  'getvariable',
  'current_setting',
  'get_block_size',
  'json_serialize_plan',
  'stats',
  'version',
  'write_log',
  'nextval',
  'currval',
])

/** Names that DuckDB reads as functions where there is no such column. */
export const VALUE_FUNCTIONS: ReadonlySet<string> = new Set([
  'current_date',
  'current_time',
  'current_timestamp',
  'localtime',
  'localtimestamp',
  'current_catalog',
  'current_role',
  'current_schema',
  'current_user',
  'session_user',
  'user',
])

/** Functions that make several rows of one. */
export const UNNESTING_FUNCTIONS: ReadonlySet<string> = new Set([
  'unnest',
  'generate_subscripts',
  'regexp_split_to_table',
])

interface FunctionRow {
  name: string
  kind: string
  unstable: boolean
  definition: string | null
}

let known: Promise<FunctionCatalog> | undefined

/** What the DuckDB of this process has; asked once. */
export function loadFunctionCatalog(connection: Connection): Promise<FunctionCatalog> {
  known ??= readCatalog(connection).catch((error: unknown) => {
    known = undefined
    throw error
  })
  return known
}

async function readCatalog(connection: Connection): Promise<FunctionCatalog> {
  const rows = await connection.rows<FunctionRow>(`
    SELECT DISTINCT lower(function_name) AS name, function_type AS kind,
      coalesce(stability, 'CONSISTENT') <> 'CONSISTENT' AS unstable, macro_definition AS definition
    FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro')`)
  const aggregates = new Set(rows.filter((row) => row.kind === 'aggregate').map((row) => row.name))
  const macros = rows.filter((row) => row.kind === 'macro')
  return {
    aggregates,
    aggregateMacros: macrosOver(macros, aggregates),
    unstable: new Set([...ALSO_UNSTABLE, ...rows.filter((row) => row.unstable).map((row) => row.name)]),
  }
}

/** Macros that call one of `functions`, directly or through another macro. */
function macrosOver(macros: readonly FunctionRow[], functions: ReadonlySet<string>): Set<string> {
  const found = new Set<string>()
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const { name, definition } of macros) {
      const called = (definition ?? '').toLowerCase().matchAll(/([a-z_]\w*)"?\(/g)
      for (const [, callee = ''] of called) if (functions.has(callee) || found.has(callee)) found.add(name)
    }
  }
  return found
}
