import { type Field, INPUT_RELATION, type MetadataColumn, RECORDS_COLUMN, ROW_COLUMN } from '../model/index.ts'
import { type ColumnRef, sameName } from './ast.ts'

/** Types of the metadata columns. */
export const METADATA_TYPES: Readonly<Record<MetadataColumn, string>> = {
  _partition: 'VARCHAR',
  _offset: 'BIGINT',
  _timestamp: 'TIMESTAMP',
  _key: 'BLOB',
  _headers: 'STRUCT("key" VARCHAR, "value" BLOB)[]',
  _timestamp_type: 'VARCHAR',
  _leader_epoch: 'INTEGER',
}
export const METADATA_COLUMNS = Object.keys(METADATA_TYPES) as readonly MetadataColumn[]

/** Hidden columns that carry a record's position through the steps before a window in which order matters. */
export const ORDER_PARTITION = '_order_partition'
export const ORDER_OFFSET = '_order_offset'

/** Names that plans use for columns of their own, in lower case. */
export const INTERNAL_COLUMNS: ReadonlySet<string> = new Set([
  ROW_COLUMN,
  RECORDS_COLUMN,
  ORDER_PARTITION,
  ORDER_OFFSET,
  '_window',
])

/** The columns of a relation that give the order of records, by their names there. */
export interface OrderColumns {
  readonly partition: string
  readonly offset: string
}

/** What planning knows about `input` or a step's rows. */
export interface Relation {
  readonly name: string
  /** What `SELECT *` gives. */
  readonly columns: readonly Field[]
  /** What SQL may name beyond that. */
  readonly metadata: readonly Field[]
  /** Carried along unseen. */
  readonly carried: readonly Field[]
  /** Every row comes from exactly one input record; otherwise the rows are those of fired windows. */
  readonly perRow: boolean
  /** The column that is the source's event time, unchanged. */
  readonly time?: string
  readonly order?: OrderColumns
}

/** All columns that the relation has when it runs. */
export function actualFields(relation: Relation): Field[] {
  return [...relation.columns, ...relation.metadata, ...relation.carried]
}

export function inputRelation(
  columns: readonly Field[],
  metadata: readonly MetadataColumn[],
  time: string | undefined,
  ordered: boolean,
): Relation {
  return {
    name: INPUT_RELATION,
    columns,
    metadata: metadata.map((name) => ({ name, type: METADATA_TYPES[name] })),
    carried: [{ name: ROW_COLUMN, type: 'BIGINT' }],
    perRow: true,
    ...(time === undefined ? {} : { time }),
    ...(ordered ? { order: { partition: '_partition', offset: '_offset' } } : {}),
  }
}

/** A relation as one query's FROM sees it. */
export interface Source {
  readonly alias: string
  readonly columns: readonly Field[]
  readonly metadata: readonly Field[]
}

/** A reference to a column of the source, and what of the reference is left beyond it (struct fields). */
export interface Resolved {
  readonly column: Field
  readonly rest: readonly string[]
}

/** Finds the column that a reference names, as DuckDB does: `alias.column`, `column`, or either with struct fields after it. */
export function resolveColumn(ref: ColumnRef, source: Source): Resolved | undefined {
  const [first = '', second] = ref.column_names
  if (second !== undefined && sameName(first, source.alias)) {
    const column = findField(source, second)
    if (column !== undefined) return { column, rest: ref.column_names.slice(2) }
  }
  const column = findField(source, first)
  return column === undefined ? undefined : { column, rest: ref.column_names.slice(1) }
}

function findField(source: Source, name: string): Field | undefined {
  return [...source.columns, ...source.metadata].find((field) => sameName(field.name, name))
}
