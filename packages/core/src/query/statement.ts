import { QueryNotAllowedError, QuerySyntaxError } from './errors.ts'

const QUERIES = ['SELECT', 'WITH', 'FROM', 'VALUES', 'TABLE', '(']
const READING = [...QUERIES, 'DESCRIBE', 'DESC', 'SHOW', 'SUMMARIZE', 'EXPLAIN']

/** What DuckDB's other statements begin with. */
const NOT_READING = new Set(
  (
    'ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT COMMENT COMMIT COPY CREATE DELETE DETACH DROP EXECUTE EXPORT FORCE IMPORT ' +
    'INSERT INSTALL LOAD MERGE PIVOT PRAGMA PREPARE RESET ROLLBACK SET START TRUNCATE UNPIVOT UPDATE USE VACUUM'
  ).split(' '),
)

/** What a statement begins with: its first word in capitals, `(`, or nothing. */
function firstWord(sql: string): string {
  const rest = skipBlank(sql)
  return rest.startsWith('(') ? '(' : (/^[A-Za-z_]+/.exec(rest)?.[0].toUpperCase() ?? '')
}

/** Whether a statement is a SELECT in one of its forms, and can stand in a FROM. */
export function isQuery(sql: string): boolean {
  return QUERIES.includes(firstWord(sql))
}

/**
 * Whether a statement only reads, by its first word; EXPLAIN by the first word of what it explains. Throws
 * QUERY_NOT_ALLOWED, or QUERY_SYNTAX for what begins no statement at all. A first look only: the sandbox is what keeps a query inside the lake.
 */
export function requireReading(sql: string): void {
  let rest = skipBlank(sql)
  // EXPLAIN ANALYZE (FORMAT json) SELECT …
  while (firstWord(rest) === 'EXPLAIN') {
    rest = skipBlank(rest.slice('EXPLAIN'.length))
    if (firstWord(rest) === 'ANALYZE') rest = skipBlank(rest.slice('ANALYZE'.length))
    rest = skipBlank(rest.replace(/^\(\s*(ANALYZE|FORMAT)\b[^()]*\)/i, ''))
  }
  const word = firstWord(rest)
  if (READING.includes(word)) return
  if (word !== '' && !NOT_READING.has(word)) {
    const before = sql.slice(0, sql.length - rest.length).split('\n')
    const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 }
    throw new QuerySyntaxError({ ...place, reason: `syntax error at or near "${rest.slice(0, word.length)}"` })
  }
  const allowed = 'only SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN are'
  throw new QueryNotAllowedError({ reason: word === '' ? 'it is empty' : `it begins with ${word}; ${allowed}` })
}

/** The text from the first character that is neither blank nor comment. */
function skipBlank(sql: string): string {
  let rest = sql
  for (;;) {
    const next = rest.replace(/^(\s+|--[^\n]*(\n|$))/, '')
    const inner = next.startsWith('/*') ? afterBlockComment(next) : next
    if (inner === rest) return rest
    rest = inner
  }
}

/** Block comments nest, as in PostgreSQL. */
function afterBlockComment(text: string): string {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text.startsWith('/*', i)) {
      depth++
      i++
    } else if (text.startsWith('*/', i)) {
      i++
      if (--depth === 0) return text.slice(i + 1)
    }
  }
  return ''
}
