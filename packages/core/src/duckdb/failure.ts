/** What DuckDB says went wrong, taken apart. */
export interface DuckDBFailure {
  /** DuckDB's own word before "Error:": `Parser`, `Binder`, `Catalog`, `Conversion`, `Invalid Input`, `IO`, `Out of Memory` … */
  readonly kind: string
  /** The message without the kind and without the quoted line. */
  readonly message: string
  /** Where in the SQL text, where DuckDB shows it (`LINE 2: …` with a caret): line and column from 1. */
  readonly position?: { readonly line: number; readonly column: number }
}

const FORM = /^(?:Error: )?([A-Z][A-Za-z ]*?) Error: ([\s\S]*)$/

/** Takes a DuckDB error apart; anything else comes back as kind `Unknown` with its message. */
export function failureOf(error: unknown): DuckDBFailure {
  const text = error instanceof Error ? error.message : String(error)
  const match = FORM.exec(text)
  if (match === null) return { kind: 'Unknown', message: text }
  const [, kind = 'Unknown', rest = ''] = match
  const shown = /\n\s*\nLINE (\d+): (.*)\n( *)\^/.exec(rest)
  const message = rest.replace(/\n\s*\nLINE \d+:[\s\S]*$/, '').trim()
  if (shown === null) return { kind, message }
  const line = Number(shown[1])
  const prefix = `LINE ${shown[1]}: `.length
  return { kind, message, position: { line, column: Math.max(1, (shown[3] ?? '').length - prefix + 1) } }
}
