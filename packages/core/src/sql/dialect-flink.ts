import { closingParenthesis, isSymbol, isWord, type Token, tokenize } from './tokens.ts'

/** Flink's window table functions. */
type WindowFunction = 'tumble' | 'hop' | 'cumulate' | 'session'
const WINDOW_FUNCTIONS: readonly string[] = ['tumble', 'hop', 'cumulate', 'session']

/** A call of a window function: `start` at its name, `end` after its closing parenthesis. */
export interface WindowCall {
  readonly name: WindowFunction
  readonly start: number
  readonly end: number
}

export interface PlainSql {
  /** Text that DuckDB's parser takes, of the same length and with the same line breaks: every position stays true. */
  readonly sql: string
  readonly windows: readonly WindowCall[]
}

/**
 * Flink SQL's own forms taken back to DuckDB's grammar: `TUMBLE(TABLE t, …)` loses its `TABLE`, the older
 * `TABLE(TUMBLE(…))` its wrapping, and names in back-ticks get double quotes.
 */
export function flinkToDuckdb(text: string): PlainSql {
  const tokens = tokenize(text)
  const edits: Edit[] = []
  const windows: WindowCall[] = []
  for (const [i, token] of tokens.entries()) {
    if (token.kind === 'backtick' && !token.text.includes('"')) {
      edits.push({ token, text: `"${token.text.slice(1, -1)}"` })
    }
    if (isWindowName(token) && isSymbol(tokens[i + 1], '(')) {
      const close = closingParenthesis(tokens, i + 1)
      const inside = tokens.slice(i + 2, close)
      if (!startsWithTable(inside) && !inTableWrapper(tokens, i)) continue
      windows.push({
        name: token.text.toLowerCase() as WindowFunction,
        start: token.start,
        end: (tokens[close] as Token).end,
      })
      edits.push(...tableWords(inside))
      if (inTableWrapper(tokens, i)) {
        edits.push(blank(tokens[i - 2]), blank(tokens[i - 1]), blank(tokens[closingParenthesis(tokens, i - 1)]))
      }
    }
  }
  return { sql: apply(text, edits), windows }
}

interface Edit {
  readonly token: Token
  readonly text: string
}

function isWindowName(token: Token): boolean {
  return isWord(token, ...WINDOW_FUNCTIONS)
}

function startsWithTable(inside: readonly Token[]): boolean {
  return isWord(inside[0], 'table') || (isWord(inside[0], 'data') && isSymbol(inside[1], '=>'))
}

/** `TABLE(TUMBLE(…))`: the form before Flink 1.15. */
function inTableWrapper(tokens: readonly Token[], i: number): boolean {
  return isSymbol(tokens[i - 1], '(') && isWord(tokens[i - 2], 'table')
}

function tableWords(inside: readonly Token[]): Edit[] {
  return inside
    .filter((token, i) => isWord(token, 'table') && (i === 0 || isSymbol(inside[i - 1], '=>')))
    .map((token) => blank(token))
}

function blank(token: Token | undefined): Edit {
  const real = token as Token
  return { token: real, text: ' '.repeat(real.text.length) }
}

function apply(text: string, edits: readonly Edit[]): string {
  const ordered = [...edits].sort((a, b) => a.token.start - b.token.start)
  let result = ''
  let at = 0
  for (const { token, text: replacement } of ordered) {
    result += text.slice(at, token.start) + replacement
    at = token.end
  }
  return result + text.slice(at)
}

/** The text with a window call replaced by a table's name, at the same length and with the same line breaks. */
export function replaceCall(sql: string, call: WindowCall, table: string): string {
  const rest = sql.slice(call.start + table.length, call.end).replaceAll(/[^\n]/g, ' ')
  return sql.slice(0, call.start) + table + rest + sql.slice(call.end)
}
