import { InvalidColumnTypeError } from './errors.ts'

/** Type words (lower case) and the type as DuckDB prints it. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ...named('VARCHAR', 'varchar', 'string', 'text', 'char'),
  ...named('BOOLEAN', 'boolean', 'bool'),
  ...named('TINYINT', 'tinyint'),
  ...named('SMALLINT', 'smallint'),
  ...named('INTEGER', 'integer', 'int'),
  ...named('BIGINT', 'bigint', 'long'),
  ...named('HUGEINT', 'hugeint'),
  ...named('UTINYINT', 'utinyint'),
  ...named('USMALLINT', 'usmallint'),
  ...named('UINTEGER', 'uinteger'),
  ...named('UBIGINT', 'ubigint'),
  ...named('FLOAT', 'float', 'real'),
  ...named('DOUBLE', 'double', 'double precision'),
  ...named('DATE', 'date'),
  ...named('TIME', 'time'),
  ...named('TIMESTAMP', 'timestamp', 'datetime', 'timestamp without time zone'),
  ...named('TIMESTAMP WITH TIME ZONE', 'timestamptz', 'timestamp with time zone'),
  ...named('BLOB', 'blob', 'bytes', 'bytea'),
  ...named('UUID', 'uuid'),
  ...named('JSON', 'json'),
])

/** What a hint offers: one spelling of each type. */
const KNOWN = [
  ...new Set([...TYPES].map(([, type]) => (type.includes(' ') ? 'timestamptz' : type.toLowerCase()))),
  'decimal(p,s)',
]

const MAX_DEPTH = 16

/**
 * A declared column's type in DuckDB's own spelling: `int` → `INTEGER`, `decimal(10, 2)` → `DECIMAL(10,2)`,
 * `struct(a int)[]` → `STRUCT(a INTEGER)[]`. Throws `InvalidColumnTypeError` (CONFIG_COLUMN_TYPE).
 */
export function parseColumnType(text: string): string {
  const tokens = tokenize(text)
  const parser = { tokens, next: 0 }
  const type = tokens === undefined ? undefined : readType(parser as Parser, 0)
  if (type === undefined || parser.next !== tokens?.length) throw new InvalidColumnTypeError({ text, known: KNOWN })
  return type
}

interface Parser {
  readonly tokens: readonly string[]
  next: number
}

function readType(parser: Parser, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return undefined
  let type = readElement(parser, depth)
  while (type !== undefined && take(parser, '[')) {
    const size = /^\d+$/.test(peek(parser)) ? parser.tokens[parser.next++] : ''
    type = take(parser, ']') && size !== '0' ? `${type}[${size}]` : undefined
  }
  return type
}

function readElement(parser: Parser, depth: number): string | undefined {
  const word = readWords(parser)
  if (word === 'struct') return readStruct(parser, depth)
  if (word === 'map') return readMap(parser, depth)
  if (word === 'decimal' || word === 'numeric') return readDecimal(parser)
  const type = TYPES.get(word)
  // DuckDB takes varchar(n) and does not hold anyone to it.
  if (type === 'VARCHAR' && take(parser, '('))
    return readNumber(parser) !== undefined && take(parser, ')') ? type : undefined
  return type
}

/** The longest run of words, since some types have several: `timestamp with time zone`. */
function readWords(parser: Parser): string {
  const words: string[] = []
  while (/^[a-z]\w*$/i.test(peek(parser))) words.push((parser.tokens[parser.next++] as string).toLowerCase())
  return words.join(' ')
}

function readDecimal(parser: Parser): string | undefined {
  if (!take(parser, '(')) return 'DECIMAL(18,3)'
  const width = readNumber(parser)
  const scale = take(parser, ',') ? readNumber(parser) : 0
  if (width === undefined || scale === undefined || !take(parser, ')')) return undefined
  return width >= 1 && width <= 38 && scale <= width ? `DECIMAL(${width},${scale})` : undefined
}

function readStruct(parser: Parser, depth: number): string | undefined {
  if (!take(parser, '(')) return undefined
  const fields: string[] = []
  do {
    const name = parser.tokens[parser.next++] ?? ''
    const type = /^["a-z_]/i.test(name) ? readType(parser, depth + 1) : undefined
    if (type === undefined) return undefined
    fields.push(`${name} ${type}`)
  } while (take(parser, ','))
  return take(parser, ')') ? `STRUCT(${fields.join(', ')})` : undefined
}

function readMap(parser: Parser, depth: number): string | undefined {
  if (!take(parser, '(')) return undefined
  const key = readType(parser, depth + 1)
  const value = take(parser, ',') ? readType(parser, depth + 1) : undefined
  return key !== undefined && value !== undefined && take(parser, ')') ? `MAP(${key}, ${value})` : undefined
}

function readNumber(parser: Parser): number | undefined {
  if (!/^\d{1,9}$/.test(peek(parser))) return undefined
  return Number(parser.tokens[parser.next++])
}

function take(parser: Parser, token: string): boolean {
  if (peek(parser) !== token) return false
  parser.next++
  return true
}

function peek(parser: Parser): string {
  return parser.tokens[parser.next] ?? ''
}

/** Words, numbers, quoted names and punctuation; undefined where something else stands. */
function tokenize(text: string): string[] | undefined {
  const tokens: string[] = []
  const token = /\s*(?:(\w+|"(?:[^"]|"")+"|[()[\],])|$)/y
  while (token.lastIndex < text.length) {
    const match = token.exec(text)
    if (match === null) return undefined
    if (match[1] !== undefined) tokens.push(match[1])
  }
  return tokens
}

function named(type: string, ...spellings: string[]): [string, string][] {
  return spellings.map((spelling) => [spelling, type])
}
