import type { Connection } from '../duckdb/index.ts'
import { type Expression, isSelect, type QueryNode, selectNode } from './ast.ts'

/** Why a text is not the one SELECT it should be. `at` is a byte offset into the text. */
export interface SyntaxFailure {
  readonly kind: 'syntax' | 'notSelect' | 'several' | 'empty'
  readonly message: string
  readonly at?: number
}

interface Serialized {
  error: boolean
  error_type?: string
  error_message?: string
  position?: string
  statements?: { node: QueryNode }[]
}

// JSON.parse would round integers beyond 2^53 (constants, locations): they are kept as bigint, and written back as they were.
type RawJson = { rawJSON(text: string): unknown }
const raw = JSON as unknown as RawJson

function parseExactly(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source as string)
      : value
  return JSON.parse(text, revive)
}

function stringifyExactly(value: unknown): string {
  return JSON.stringify(value, (key, child) => {
    if (key === 'query_location') return undefined
    return typeof child === 'bigint' ? raw.rawJSON(child.toString()) : child
  })
}

/** DuckDB's parser and its inverse. Nothing is bound or run. */
export class SqlParser {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The syntax tree of a text that is one SELECT. */
  async parse(sql: string): Promise<{ node: QueryNode } | { failure: SyntaxFailure }> {
    const row = await this.#connection.row<{ tree: string }>('SELECT json_serialize_sql($1::VARCHAR) AS tree', [sql])
    const tree = parseExactly(row?.tree ?? '{}') as Serialized
    if (tree.error) return { failure: failureOfTree(tree) }
    const [first, second] = tree.statements ?? []
    if (first === undefined) return { failure: { kind: 'empty', message: 'there is no statement' } }
    if (second !== undefined) return { failure: { kind: 'several', message: 'there is more than one statement' } }
    return { node: first.node }
  }

  /** The one expression that a text is, or why it is none: no alias, no second column, nothing after it. */
  async parseExpression(
    text: string,
    { alias }: { alias: 'allowed' | 'refused' },
  ): Promise<{ expression: Expression } | { failure: SyntaxFailure }> {
    const parsed = await this.parse(expressionQuery(text))
    if ('failure' in parsed) return parsed
    const expression = onlyExpression(parsed.node)
    if (expression === undefined || (alias === 'refused' && (expression.alias ?? '') !== '')) {
      return { failure: { kind: 'syntax', message: 'this is not one SQL expression' } }
    }
    return { expression }
  }

  /** The SQL text of a query. */
  async render(node: QueryNode): Promise<string> {
    const tree = stringifyExactly({ error: false, statements: [{ node }] })
    const row = await this.#connection.row<{ sql: string }>('SELECT json_deserialize_sql($1::JSON) AS sql', [tree])
    return row?.sql ?? ''
  }

  /** The SQL text of an expression, without its alias. */
  async renderExpression(expression: Expression): Promise<string> {
    const node = selectNode([{ ...expression, alias: '' }], { type: 'EMPTY' })
    return (await this.render(node)).slice('SELECT '.length)
  }

  /** One after the other: a connection takes one statement at a time. */
  async renderExpressions(expressions: readonly Expression[]): Promise<string[]> {
    const texts: string[] = []
    for (const expression of expressions) texts.push(await this.renderExpression(expression))
    return texts
  }
}

/** A query whose second line is the text's first, so that a comment at its end stays its own and columns are unchanged. */
export function expressionQuery(text: string): string {
  return `SELECT\n${text}\n`
}

function onlyExpression(node: QueryNode): Expression | undefined {
  if (!isSelect(node) || node.from_table.type !== 'EMPTY' || node.select_list.length !== 1) return undefined
  const rest = [node.where_clause, node.having, node.qualify, node.sample].some(
    (part) => part !== null && part !== undefined,
  )
  const grouped = node.group_sets.length > 0 || node.aggregate_handling !== 'STANDARD_HANDLING'
  if (rest || grouped || node.modifiers.length > 0 || node.cte_map.map.length > 0) return undefined
  return node.select_list[0]
}

function failureOfTree(tree: Serialized): SyntaxFailure {
  const message = tree.error_message ?? 'syntax error'
  if (tree.error_type === 'not implemented') return { kind: 'notSelect', message }
  if (tree.position === undefined) return { kind: 'syntax', message }
  return { kind: 'syntax', message, at: Number(tree.position) }
}
