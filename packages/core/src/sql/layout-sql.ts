import { isSymbol, isWord, type Token, tokenize } from './tokens.ts'

const INDENT = '  '

/** SQL on several lines, for people: each clause of each SELECT begins a line, inner ones further in. */
export function layoutSql(sql: string, indent = ''): string {
  const tokens = tokenize(sql)
  const queries: boolean[] = [true]
  let text = indent
  for (const [i, token] of tokens.entries()) {
    if (isSymbol(tokens[i - 1], '(')) queries.push(isWord(token, 'select', 'with'))
    const margin = indent + INDENT.repeat(queries.filter(Boolean).length - 1)
    const opensQuery = isSymbol(tokens[i - 1], '(') && queries.at(-1) === true
    const breaks = opensQuery || (queries.at(-1) === true && i > 0 && beginsClause(tokens, i))
    if (breaks) text = `${text.trimEnd()}\n${margin}`
    if (isSymbol(token, ')') && queries.length > 1) queries.pop()
    text += token.text + sql.slice(token.end, tokens[i + 1]?.start ?? token.end)
  }
  return text.trimEnd()
}

function beginsClause(tokens: readonly Token[], i: number): boolean {
  const token = tokens[i]
  if (isWord(token, 'from', 'where', 'having')) return true
  return isWord(token, 'group', 'order') && isWord(tokens[i + 1], 'by')
}
