import { type Connection, quoteIdentifier } from '../duckdb/index.ts'

/** A column as it was loaded, and how it becomes what was declared. */
export interface LoadedColumn {
  readonly name: string
  /** The declared type's value, from the loaded column: NULL where it has none. */
  readonly cast: (loaded: string) => string
  /** Whether `cast` can give NULL for a value that is there. */
  readonly mayFail: boolean
}

export interface CastRequest {
  readonly connection: Connection
  /** The temp table to make (CREATE OR REPLACE). */
  readonly table: string
  readonly columns: readonly LoadedColumn[]
  /** In the order of the columns. */
  readonly required: readonly string[]
  /** What gives the loaded columns under their names, in the order of the records: a table, or a table function's call. */
  readonly from: string
}

export interface UncastRow {
  /** Its place in `from`, from 0. */
  readonly row: number
  readonly column: number
  readonly kind: 'wrongType' | 'missing'
}

const VERDICT = '_verdict'

/** Fills the table with the rows whose values all fit; the others come back with the first column that does not, ascending. */
export async function castColumns(request: CastRequest): Promise<UncastRow[]> {
  const { connection, columns, required, from } = request
  const table = quoteIdentifier(request.table)
  const verdict = verdictSql(columns, required)
  const casts = columns.map(({ name, cast }) => `${cast(quoteIdentifier(name))} AS ${quoteIdentifier(name)}`)
  if (verdict === undefined) {
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS SELECT ${casts.join(', ')} FROM ${from}`)
    return []
  }
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS
    SELECT ${casts.join(', ')}, ${verdict} AS ${VERDICT} FROM ${from}`)
  const bad = await connection.rows<{ row: number; verdict: number }>(
    `SELECT rowid::INTEGER AS "row", ${VERDICT} AS verdict FROM ${table} WHERE ${VERDICT} IS NOT NULL ORDER BY rowid`,
  )
  if (bad.length === 0) await connection.run(`ALTER TABLE ${table} DROP COLUMN ${VERDICT}`)
  else {
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS
      SELECT * EXCLUDE (${VERDICT}) FROM ${table} WHERE ${VERDICT} IS NULL`)
  }
  return bad.map(({ row, verdict: code }) => ({
    row,
    column: code % columns.length,
    kind: code < columns.length ? 'wrongType' : 'missing',
  }))
}

/** The number of the first thing that is wrong with a row: a column, or a required column plus how many there are. */
function verdictSql(columns: readonly LoadedColumn[], required: readonly string[]): string | undefined {
  const whens = columns.flatMap(({ name, cast, mayFail }, i) => {
    const loaded = quoteIdentifier(name)
    return mayFail ? [`WHEN ${loaded} IS NOT NULL AND ${cast(loaded)} IS NULL THEN ${i}`] : []
  })
  for (const name of required) {
    const i = columns.findIndex((column) => column.name === name)
    const value = (columns[i] as LoadedColumn).cast(quoteIdentifier(name))
    whens.push(`WHEN ${value} IS NULL THEN ${columns.length + i}`)
  }
  return whens.length === 0 ? undefined : `CASE ${whens.join(' ')} END`
}
