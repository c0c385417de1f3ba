/** A name as DuckDB reads it back exactly, whatever is in it. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A DOUBLE of ms since the Unix epoch as a TIMESTAMP; NULL for times that DuckDB does not have, such as nanoseconds taken for ms. */
export function timestampOfMs(expression: string): string {
  return `CASE WHEN abs(${expression}) <= 9.2e15 THEN make_timestamp(CAST(${expression} * 1000 AS BIGINT)) END`
}

/** A string literal. Only for places that take no parameter (file names in COPY, options). */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
