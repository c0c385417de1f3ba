/** A piece of SQL text; `start` and `end` are indices into the string. White space and comments are left out. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'backtick' | 'string' | 'number' | 'symbol'
  readonly text: string
  readonly start: number
  readonly end: number
}

const PATTERNS: readonly (readonly [Token['kind'] | 'skip', RegExp])[] = [
  ['skip', /\s+/y],
  ['skip', /--[^\n]*/y],
  ['skip', /\/\*[\s\S]*?\*\//y],
  ['string', /[eE]'(?:\\[\s\S]|''|[^'\\])*'/y],
  ['string', /'(?:''|[^'])*'/y],
  ['string', /\$([A-Za-z_]*)\$[\s\S]*?\$\1\$/y],
  ['quoted', /"(?:""|[^"])*"/y],
  ['backtick', /`[^`]*`/y],
  ['number', /\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?/y],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ['symbol', /=>|:=|::|[\s\S]/y],
]

/** Splits SQL text as far as a dialect's front end needs it; what it cannot read comes as symbols, for DuckDB to refuse. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const { kind, end } = next(text, at)
    if (kind !== 'skip') tokens.push({ kind, text: text.slice(at, end), start: at, end })
    at = end
  }
  return tokens
}

function next(text: string, at: number): { kind: Token['kind'] | 'skip'; end: number } {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at
    if (pattern.test(text)) return { kind, end: pattern.lastIndex }
  }
  return { kind: 'symbol', end: at + 1 }
}

export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toLowerCase())
}

export function isSymbol(token: Token | undefined, symbol: string): boolean {
  return token?.kind === 'symbol' && token.text === symbol
}

/** Index of the `)` that closes the `(` at `open`; the last token where none does. */
export function closingParenthesis(tokens: readonly Token[], open: number): number {
  let depth = 0
  for (let i = open; i < tokens.length; i += 1) {
    if (isSymbol(tokens[i], '(')) depth += 1
    else if (isSymbol(tokens[i], ')') && --depth === 0) return i
  }
  return tokens.length - 1
}
