import type { Connection } from '../duckdb/index.ts'
import type { TumblingWindow } from '../model/index.ts'
import { type Expression, isColumnRef, isFunctionCall, type TableFunctionRef, walk } from './ast.ts'
import { SqlWindowInvalidError } from './errors.ts'
import type { SqlParser } from './parser.ts'
import { firstLocation, locationOf } from './rules.ts'
import type { StepProblems } from './step-problems.ts'

/** What `TUMBLE(TABLE t, DESCRIPTOR(c), size [, offset])` says. */
export interface WindowCallPlan {
  readonly table: string
  /** Byte offset of the table's name in the SQL. */
  readonly tableAt: number | undefined
  readonly timeColumn: string
  /** Byte offset of the time column in the SQL. */
  readonly timeAt: number | undefined
  readonly window: TumblingWindow
  /** The name by which the query knows the window's rows. */
  readonly alias: string
}

const FORM = "Write TUMBLE(TABLE input, DESCRIPTOR(<time>), INTERVAL '1' MINUTE [, <offset>])."
const PARAMETERS = ['data', 'timecol', 'size', 'offset'] as const
type Parameter = (typeof PARAMETERS)[number]

export async function planWindowCall(
  ref: TableFunctionRef,
  { connection, parser, problems }: { connection: Connection; parser: SqlParser; problems: StepProblems },
): Promise<WindowCallPlan | undefined> {
  const at = locationOf(ref) ?? 0
  const invalid = (reason: string, where = at) => {
    problems.add(SqlWindowInvalidError, { reason, instead: FORM }, where)
    return undefined
  }
  const given = argumentsOf(ref.function.children)
  if (given === undefined) return invalid('TUMBLE takes a table, a time column, a size and perhaps an offset')
  const { data, timecol, size, offset } = given
  if (data === undefined || !isColumnRef(data) || data.column_names.length !== 1) {
    return invalid('the first argument of TUMBLE must be TABLE and the name of input or a step')
  }
  const time = timecol === undefined ? undefined : describedColumn(timecol)
  if (time === undefined) return invalid('the second argument of TUMBLE must be DESCRIPTOR(<time column>)')
  if (size === undefined) return invalid('TUMBLE lacks the size of its windows')
  const sizeMs = await milliseconds(size, connection, parser)
  if (sizeMs === undefined || sizeMs <= 0) {
    return invalid(
      'the size must be a positive interval of whole milliseconds without months or years',
      firstLocation(size),
    )
  }
  const offsetMs = offset === undefined ? 0 : await milliseconds(offset, connection, parser)
  if (offsetMs === undefined) {
    return invalid(
      'the offset must be an interval of whole milliseconds without months or years',
      firstLocation(offset),
    )
  }
  return {
    table: data.column_names[0] as string,
    tableAt: locationOf(data),
    timeColumn: time.column_names[0] as string,
    timeAt: locationOf(time),
    window: { kind: 'tumble', sizeMs, offsetMs: modulo(offsetMs, sizeMs) },
    alias: ref.alias ?? '',
  }
}

function argumentsOf(children: readonly Expression[]): Partial<Record<Parameter, Expression>> | undefined {
  const given: Partial<Record<Parameter, Expression>> = {}
  for (const [i, child] of children.entries()) {
    const named = (child.alias ?? '').toLowerCase()
    const parameter = named === '' ? PARAMETERS[i] : PARAMETERS.find((name) => name === named)
    if (parameter === undefined || given[parameter] !== undefined) return undefined
    given[parameter] = child
  }
  return given
}

function describedColumn(expression: Expression) {
  if (!isFunctionCall(expression) || expression.function_name.toLowerCase() !== 'descriptor') return undefined
  const [column, second] = expression.children
  if (column === undefined || second !== undefined || !isColumnRef(column)) return undefined
  return column.column_names.length === 1 ? column : undefined
}

/** A constant interval in ms; undefined where it is none, has months, or a fraction of a millisecond. */
async function milliseconds(
  expression: Expression,
  connection: Connection,
  parser: SqlParser,
): Promise<number | undefined> {
  let constant = true
  walk(expression, (object) => {
    if (['COLUMN_REF', 'SUBQUERY', 'STAR', 'WINDOW', 'PARAMETER'].includes(`${object.class}`)) constant = false
    return true
  })
  if (!constant) return undefined
  const text = await parser.renderExpression(expression)
  const sql = `SELECT typeof(i) AS type, datepart('month', i) + 12 * datepart('year', i) AS months, epoch_us(i)::DOUBLE AS us FROM (SELECT ${text} AS i)`
  try {
    const row = await connection.row<{ type: string; months: string; us: number }>(sql)
    if (row === undefined || row.type !== 'INTERVAL' || Number(row.months) !== 0) return undefined
    return row.us % 1000 === 0 ? row.us / 1000 : undefined
  } catch {
    // Whatever DuckDB has against it (a cast, a type), it is not an interval.
    return undefined
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
