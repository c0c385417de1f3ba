import { aliased, type FunctionCall } from './ast.ts'

/** An aggregate that is kept as partial columns, each merged by an ordinary aggregate. */
export interface Decomposition {
  /** Aggregates over the window's rows; their results are the state's columns. */
  readonly partials: readonly FunctionCall[]
  /** SQL that merges several rows of state, over the columns' quoted names. */
  readonly merge: (columns: readonly string[]) => readonly string[]
  /** SQL of the aggregate's own value, with its own type, over the names of what was merged; the first of them unless given. */
  readonly value?: (merged: readonly string[]) => string
}

const INTEGERS: ReadonlySet<string> = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
])

// Types of which equal values look equal, so that it does not matter which of them min or max has met first.
const PLAIN_TYPES: ReadonlySet<string> = new Set([
  ...INTEGERS,
  'UHUGEINT',
  'BOOLEAN',
  'VARCHAR',
  'BLOB',
  'UUID',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
  'TIMESTAMP_NS',
  'TIMESTAMP WITH TIME ZONE',
])

function isExact(type: string): boolean {
  return INTEGERS.has(type) || /^DECIMAL\(\d+,\d+\)$/.test(type)
}

function isPlain(type: string): boolean {
  return PLAIN_TYPES.has(type) || isExact(type) || /^ENUM\(.*\)$/.test(type)
}

export function isFloating(type: string): boolean {
  return type === 'DOUBLE' || type === 'FLOAT'
}

/** Aggregates that give the same whether or not equal values are taken once. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['min', 'max', 'bool_and', 'bool_or', 'bit_and', 'bit_or'])

/**
 * How an aggregate splits, or undefined where it does not: then the window keeps its rows.
 * `argument` is the type of its first argument, `result` that of the aggregate, both as DuckDB prints them.
 */
export function decompose(call: FunctionCall, argument: string, result: string): Decomposition | undefined {
  const name = call.function_name.toLowerCase()
  if (call.distinct === true && !IDEMPOTENT.has(name)) return undefined
  const own = partial(call, name)
  switch (name) {
    case 'count':
    case 'count_star':
    case 'count_if':
    case 'countif':
      return { partials: [own], merge: ([n]) => [`CAST(sum(${n}) AS ${result})`] }
    case 'sum':
      if (!isExact(argument) && argument !== 'BOOLEAN') return undefined
      return { partials: [own], merge: ([sum]) => [`CAST(sum(${sum}) AS ${result})`] }
    case 'avg':
    case 'mean':
      return isExact(argument) ? average(call, argument) : undefined
    case 'min':
    case 'max':
      if (call.children.length !== 1) return undefined
      // Adding zero turns −0.0 into 0.0, which compares as equal: the order of arrival must not show.
      if (isFloating(argument)) return { partials: [own], merge: ([x]) => [`${name}(${x}) + CAST(0 AS ${argument})`] }
      if (!isPlain(argument)) return undefined
      return { partials: [own], merge: ([x]) => [`${name}(${x})`] }
    case 'bool_and':
    case 'bool_or':
      return { partials: [own], merge: ([x]) => [`${name}(${x})`] }
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return INTEGERS.has(argument) ? { partials: [own], merge: ([x]) => [`${name}(${x})`] } : undefined
    default:
      return undefined
  }
}

function partial(call: FunctionCall, name: string): FunctionCall {
  return {
    ...aliased(call, ''),
    function_name: name,
    distinct: false,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
  }
}

/**
 * The exact quotient, rounded once. DuckDB divides in the processor's long double where the argument is wider than INTEGER:
 * the same for up to 1,024 rows, and beyond that in all but about one case in 10,000, which differs in the last bit.
 */
function average(call: FunctionCall, argument: string): Decomposition {
  const scale = Number(/^DECIMAL\(\d+,(\d+)\)$/.exec(argument)?.[1] ?? 0)
  return {
    partials: [partial(call, 'sum'), partial(call, 'count')],
    merge: ([sum, count]) =>
      scale === 0
        ? [`sum(${sum})`, `sum(${count})`]
        : // Whole units of the last decimal, over as many times the rows.
          [
            `CAST(replace(CAST(sum(${sum}) AS VARCHAR), '.', '') AS HUGEINT)`,
            `sum(${count}) * ${10n ** BigInt(scale)}`,
          ],
    value: ([sum, rows]) => {
      const whole = `${sum} // ${rows}`
      const rest = `${sum} % ${rows}`
      // By way of text: a cast of a negative HUGEINT to DOUBLE is not rounded to the nearest.
      const rounded = (exact: string) => `CAST(CAST(${exact} AS VARCHAR) AS DOUBLE)`
      return (
        `CASE WHEN abs(${sum}) < ${2n ** 53n} THEN CAST(${sum} AS DOUBLE) / CAST(${rows} AS DOUBLE) ` +
        // Above 2^53 the rest is less than half of the last bit, but it decides a tie: one more bit holds it.
        `WHEN abs(${whole}) >= ${2n ** 53n} AND ${rest} <> 0 THEN ${rounded(`(${whole}) * 2 + sign(${rest})`)} / 2 ` +
        `ELSE ${rounded(whole)} + CAST(${rest} AS DOUBLE) / CAST(${rows} AS DOUBLE) END`
      )
    },
  }
}

/** Aggregates that see a set or a multiset: the order of their rows does not show, if the argument is exact or plain. */
const ORDER_FREE: ReadonlySet<string> = new Set([
  'count',
  'count_star',
  'count_if',
  'countif',
  'bool_and',
  'bool_or',
  'bit_and',
  'bit_or',
  'bit_xor',
  'bitstring_agg',
  'approx_count_distinct',
  'regr_count',
])
const ORDER_FREE_WHEN_EXACT: ReadonlySet<string> = new Set(['sum', 'avg', 'mean'])
const ORDER_FREE_WHEN_PLAIN: ReadonlySet<string> = new Set(['min', 'max'])

// These sort for themselves, and read an ORDER BY as the values to sort (WITHIN GROUP).
const SORTING: ReadonlySet<string> = new Set(['quantile', 'quantile_cont', 'quantile_disc', 'median', 'mad'])

/** Whether an aggregate over kept rows needs its rows in a fixed order to give the same every time. */
export function needsOrder(call: FunctionCall, argument: string): boolean {
  const name = call.function_name.toLowerCase()
  if (ORDER_FREE.has(name) || SORTING.has(name) || call.children.length === 0) return false
  if (ORDER_FREE_WHEN_EXACT.has(name) && isExact(argument)) return false
  return !(ORDER_FREE_WHEN_PLAIN.has(name) && isPlain(argument))
}
