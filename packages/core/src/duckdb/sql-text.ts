/** A name as DuckDB reads it back exactly, whatever is in it. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string literal. Only for places that take no parameter (file names in COPY, options). */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
