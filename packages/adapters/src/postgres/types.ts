const SIMPLE: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'smallint',
  UTINYINT: 'smallint',
  SMALLINT: 'smallint',
  USMALLINT: 'integer',
  INTEGER: 'integer',
  UINTEGER: 'bigint',
  BIGINT: 'bigint',
  UBIGINT: 'numeric(20,0)',
  HUGEINT: 'numeric(39,0)',
  UHUGEINT: 'numeric(39,0)',
  FLOAT: 'real',
  DOUBLE: 'double precision',
  VARCHAR: 'text',
  UUID: 'uuid',
  BLOB: 'bytea',
  DATE: 'date',
  TIME: 'time',
  'TIME WITH TIME ZONE': 'time with time zone',
  TIMESTAMP: 'timestamp',
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  INTERVAL: 'interval',
  JSON: 'jsonb',
}

/** The PostgreSQL type that holds every value of a DuckDB type; lists, structs, maps and unions become jsonb. */
export function postgresType(duckdbType: string): string {
  const simple = SIMPLE[duckdbType]
  if (simple !== undefined) return simple
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(duckdbType)
  if (decimal !== null) return `numeric(${decimal[1]},${decimal[2]})`
  if (duckdbType.endsWith(']') || /^(STRUCT|MAP|UNION)\(/.test(duckdbType)) return 'jsonb'
  return 'text'
}
