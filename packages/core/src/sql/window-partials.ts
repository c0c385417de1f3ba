import { quoteIdentifier } from '../duckdb/index.ts'
import { type Field, RECORDS_COLUMN } from '../model/index.ts'
import { type Decomposition, isFloating } from './aggregates.ts'
import { canonical, columnRef, type Expression, type FunctionCall, isColumnRef, rewrite } from './ast.ts'
import type { SqlParser } from './parser.ts'
import { namesWindowColumns, usedColumns, WINDOW_COLUMNS, type WindowQuery } from './window-query.ts'
import {
  UniqueNames,
  WINDOW_INDEX,
  type WindowedRows,
  type WindowStatements,
  windowBounds,
  windowColumns,
  windowedFrom,
  windowIndex,
  windowTime,
} from './window-sql.ts'

/** A column of the state, and what fills it from the window's rows. */
interface StateColumn {
  readonly name: string
  readonly sql: string
}

export interface PartialsInput {
  readonly rows: WindowedRows
  readonly stateTable: string
  /** The columns that the user's query gives. */
  readonly columns: readonly Field[]
  /** Types of the query's keys. */
  readonly keyTypes: readonly string[]
  /** By the canonical text of each aggregate. */
  readonly decompositions: ReadonlyMap<string, Decomposition>
}

const FIRED = 'fired'

/**
 * A window kept as partial aggregates: `accumulate` gives one row per window and key, `fire` merges them and computes the
 * user's columns from the merged ones.
 */
export async function planPartials(
  query: WindowQuery,
  input: PartialsInput,
  parser: SqlParser,
): Promise<WindowStatements> {
  const windowNames = WINDOW_COLUMNS.map(({ name }) => name)
  const stateNames = new UniqueNames([...windowNames, RECORDS_COLUMN, WINDOW_INDEX])
  const keys = await keyColumns(query, input.keyTypes, stateNames, parser)
  const partials = new Map<string, StateColumn>()
  const merged = new MergedColumns([...windowNames, ...keys.map(({ name }) => name)])
  const replacements = new Map(query.keys.map((key, i) => [canonical(key), firedColumn((keys[i] as StateColumn).name)]))
  for (const [aggregate, decomposition] of input.decompositions) {
    const columns: StateColumn[] = []
    for (const partial of decomposition.partials) columns.push(await stateColumn(partial, partials, stateNames, parser))
    const quoted = columns.map(({ name }) => quoteIdentifier(name))
    const names = decomposition.merge(quoted).map((sql, i) => merged.take(sql, (columns[i] as StateColumn).name))
    replacements.set(aggregate, await mergedValue(decomposition, names, parser))
  }
  const keyNames = keys.map(({ name }) => quoteIdentifier(name))
  const calls = [...input.decompositions.values()].flatMap((decomposition) => decomposition.partials)
  const windowed = namesWindowColumns([query.where, ...query.keys, ...calls], query.source)
  const state = { keys, partials: [...partials.values()], windowed }
  const accumulate = await accumulateSql(query, input.rows, state, parser)
  return {
    ...accumulate,
    fire: await fireSql(query, input, { keyNames, merged: merged.sql(), replacements }, parser),
  }
}

async function keyColumns(
  query: WindowQuery,
  types: readonly string[],
  names: UniqueNames,
  parser: SqlParser,
): Promise<StateColumn[]> {
  const texts = await parser.renderExpressions(query.keys)
  return query.keys.map((key, i) => {
    const name = names.take(isColumnRef(key) ? (key.column_names.at(-1) as string) : `key_${i + 1}`)
    const type = types[i] as string
    // −0.0 and 0.0 are one group: adding zero makes it look the same whichever came first.
    return { name, sql: isFloating(type) ? `${texts[i]} + CAST(0 AS ${type})` : (texts[i] as string) }
  })
}

/** The column of a partial; the same partial is kept once. */
async function stateColumn(
  partial: FunctionCall,
  partials: Map<string, StateColumn>,
  names: UniqueNames,
  parser: SqlParser,
): Promise<StateColumn> {
  const key = canonical(partial)
  const known = partials.get(key)
  if (known !== undefined) return known
  const name = names.take(partial.function_name.replace('count_star', 'count'))
  const column = { name, sql: await parser.renderExpression(partial) }
  partials.set(key, column)
  return column
}

/** Columns of the merged state; the same SQL is there once. */
class MergedColumns {
  readonly #names: UniqueNames
  readonly #bySql = new Map<string, string>()

  constructor(taken: readonly string[]) {
    this.#names = new UniqueNames(taken)
  }

  take(sql: string, wanted: string): string {
    const name = this.#bySql.get(sql) ?? this.#names.take(wanted)
    this.#bySql.set(sql, name)
    return name
  }

  sql(): string[] {
    return [...this.#bySql].map(([sql, name]) => `${sql} AS ${quoteIdentifier(name)}`)
  }
}

function firedColumn(name: string): Expression {
  return columnRef(FIRED, name)
}

async function mergedValue({ value }: Decomposition, names: readonly string[], parser: SqlParser): Promise<Expression> {
  if (value === undefined) return firedColumn(names[0] as string)
  const sql = value(names.map((name) => `${FIRED}.${quoteIdentifier(name)}`))
  const parsed = await parser.parseExpression(sql, { alias: 'refused' })
  if ('failure' in parsed) throw new Error(`generated SQL does not parse: ${sql}`)
  return parsed.expression
}

async function accumulateSql(
  query: WindowQuery,
  rows: WindowedRows,
  state: {
    readonly keys: readonly StateColumn[]
    readonly partials: readonly StateColumn[]
    readonly windowed: boolean
  },
  parser: SqlParser,
): Promise<Omit<WindowStatements, 'fire'>> {
  const columns = [...state.keys, ...state.partials]
  const names = columns.map(({ name }) => quoteIdentifier(name))
  const computed = columns.map(({ name, sql }) => `${sql} AS ${quoteIdentifier(name)}`)
  const where = query.where === undefined ? '' : ` WHERE ${await parser.renderExpression(query.where)}`
  // By position: a key may be a constant, which GROUP BY would take for one.
  const groups = [1, ...state.keys.map((_, i) => i + 2)].join(', ')
  const used = usedColumns(query).map(({ name }) => quoteIdentifier(name))
  const carried = [...used, windowIndex(rows), ...(state.windowed ? windowColumns(rows) : [])]
  const statement = (onTime: boolean) =>
    `SELECT ${[...windowBounds(rows), ...names, RECORDS_COLUMN].join(', ')} FROM (` +
    `SELECT ${[WINDOW_INDEX, ...computed, `count(*) AS ${RECORDS_COLUMN}`].join(', ')}` +
    ` FROM ${windowedFrom(rows, carried, { onTime })}${where} GROUP BY ${groups})`
  return { accumulate: statement(false), accumulateOnTime: statement(true) }
}

async function fireSql(
  query: WindowQuery,
  { stateTable, columns }: PartialsInput,
  state: { keyNames: readonly string[]; merged: readonly string[]; replacements: ReadonlyMap<string, Expression> },
  parser: SqlParser,
): Promise<string> {
  const final = (expression: Expression) => overFired(expression, state.replacements, query.source.alias)
  const items = await parser.renderExpressions(query.items.map(final))
  const named = items.map((item, i) => `${item} AS ${quoteIdentifier((columns[i] as Field).name)}`)
  const having = query.having === undefined ? '' : ` WHERE ${await parser.renderExpression(final(query.having))}`
  const groups = ['window_start', 'window_end', ...state.keyNames]
  const merge =
    `SELECT ${[...groups, `${windowTime('window_end')} AS window_time`, ...state.merged].join(', ')}` +
    ` FROM ${quoteIdentifier(stateTable)} WHERE window_end <= $1::TIMESTAMP GROUP BY ${groups.join(', ')}`
  const order = ['window_start', ...state.keyNames].map((name) => `${FIRED}.${name}`)
  return `SELECT ${named.join(', ')} FROM (${merge}) AS ${FIRED}${having} ORDER BY ${order.join(', ')}`
}

/** An expression of the user's with its keys and aggregates replaced by the merged columns. */
function overFired(expression: Expression, replacements: ReadonlyMap<string, Expression>, alias: string): Expression {
  return rewrite(expression, (part) => {
    const replacement = replacements.get(canonical(part))
    if (replacement !== undefined) return { ...replacement, alias: part.alias ?? '' }
    if (!isColumnRef(part) || part.column_names[0] !== alias) return undefined
    return { ...part, column_names: [FIRED, ...part.column_names.slice(1)] }
  })
}
