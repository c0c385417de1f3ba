import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  type DuckDBType,
  type DuckDBValue,
  VARCHAR,
} from '../duckdb/index.ts'
import type { Field } from '../model/index.ts'
import type { LoadedColumn } from './cast-columns.ts'
import { type JsonColumn, planColumns } from './json-columns.ts'
import { isWrong } from './json-verdict.ts'
import { textOf, type Value, type ValueKind } from './schema-values.ts'

/** How a column's values travel into DuckDB: as what their writers have, where that is one thing, else as text. */
export interface Carrier {
  readonly type: DuckDBType
  readonly column: LoadedColumn
  /** A value for the appender; undefined where the column cannot hold it. */
  readonly item: (kind: ValueKind, value: Value) => DuckDBValue | undefined
}

const WHOLE = /^U?(TINYINT|SMALLINT|INTEGER)$/
const FLOATING = new Set(['FLOAT', 'DOUBLE'])
const TIMESTAMPS = /^TIMESTAMP/

/** The carriers of the declared columns; `kinds` are those that the writers of an epoch have of each. */
export function planCarriers(columns: readonly Field[], kinds: readonly ReadonlySet<ValueKind>[]): Carrier[] {
  return planColumns(columns, 'escaped').map((column, i) => planCarrier(column, kinds[i] ?? new Set()))
}

function planCarrier(column: JsonColumn, kinds: ReadonlySet<ValueKind>): Carrier {
  const { name, type } = column
  const declared = type.kind === 'scalar' ? type.text.toUpperCase() : ''
  const all = (...these: ValueKind[]) => kinds.size > 0 && [...kinds].every((kind) => these.includes(kind))
  const same = (loaded: string) => loaded
  if (declared === 'BLOB') return { type: BLOB, column: { name, cast: same, mayFail: false }, item: blobItem }
  if (declared === 'BOOLEAN' && all('boolean')) {
    return { type: BOOLEAN, column: { name, cast: same, mayFail: false }, item: (_, value) => value as boolean }
  }
  if ((WHOLE.test(declared) && all('int', 'float')) || (FLOATING.has(declared) && all('int', 'long', 'float'))) {
    const cast = declared === 'DOUBLE' ? same : (loaded: string) => `TRY_CAST(${loaded} AS ${declared})`
    return { type: DOUBLE, column: { name, cast, mayFail: declared !== 'DOUBLE' }, item: (_, value) => Number(value) }
  }
  if (declared === 'BIGINT' && all('int', 'long')) {
    return { type: BIGINT, column: { name, cast: same, mayFail: false }, item: bigintItem }
  }
  if (TIMESTAMPS.test(declared) && all('timestamp')) {
    const make = declared.includes('ZONE') ? 'make_timestamptz' : 'make_timestamp'
    const cast = (loaded: string) => {
      const made = `${make}(${loaded})`
      return /^TIMESTAMP_/.test(declared) ? `TRY_CAST(${made} AS ${declared})` : made
    }
    return { type: BIGINT, column: { name, cast, mayFail: false }, item: timestampItem }
  }
  if (declared === 'DATE' && all('date')) {
    const cast = (loaded: string) => `DATE '1970-01-01' + ${loaded}::INTEGER`
    return { type: DOUBLE, column: { name, cast, mayFail: false }, item: dateItem }
  }
  return { type: VARCHAR, column: textColumn(column), item: textOf }
}

/** Text is read as JSON's strings are, and what has parts as JSON. */
function textColumn({ name, type, readAs, convert }: JsonColumn): LoadedColumn {
  if (readAs === 'VARCHAR') return { name, cast: (loaded) => loaded, mayFail: false }
  if (type.kind === 'scalar') {
    return { name, cast: (loaded) => convert(`TRY_CAST(${loaded} AS ${readAs})`), mayFail: true }
  }
  const cast = (loaded: string) => {
    const json = `TRY_CAST(${loaded} AS JSON)`
    return `CASE WHEN ${json} IS NULL OR ${isWrong(json, type, 0)} THEN NULL ELSE ${convert(`TRY_CAST(${json} AS ${readAs})`)} END`
  }
  return { name, cast, mayFail: true }
}

function blobItem(kind: ValueKind, value: Value): DuckDBValue | undefined {
  if (kind === 'bytes') return new DuckDBBlobValue(value as Uint8Array)
  return kind === 'text' ? new DuckDBBlobValue(Buffer.from(value as string)) : undefined
}

function bigintItem(_: ValueKind, value: Value): DuckDBValue {
  return typeof value === 'bigint' ? value : BigInt(value as number)
}

/** DuckDB's own limits: years −290308 to 294247, two values of which mean infinity. */
const MOST_MICROS = 9_223_372_036_854_775_806n
const LEAST_MICROS = -9_223_372_022_400_000_000n

function timestampItem(_: ValueKind, value: Value): DuckDBValue | undefined {
  const micros = BigInt(value as number | bigint)
  return micros > LEAST_MICROS && micros < MOST_MICROS ? micros : undefined
}

function dateItem(_: ValueKind, value: Value): DuckDBValue | undefined {
  return Math.abs(value as number) < 2 ** 31 - 1 ? (value as number) : undefined
}
