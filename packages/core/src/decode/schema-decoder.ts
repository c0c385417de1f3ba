import { type Connection, DuckDBDataChunk, type DuckDBValue, quoteIdentifier } from '../duckdb/index.ts'
import type { EpochRecords, Field } from '../model/index.ts'
import { recordsWithout } from './buffers.ts'
import { type Carrier, planCarriers } from './carriers.ts'
import { castColumns, type UncastRow } from './cast-columns.ts'
import { parseType, printType } from './column-type.ts'
import type { Decoded, DecodeRequest, Decoder, RejectedRecord } from './decoder.ts'
import { RecordEmptyError, RecordMalformedError, RecordSchemaUnusableError, RecordWrongTypeError } from './errors.ts'
import { FRAME_BYTES, readFrames } from './framing.ts'
import { rejectMissing } from './json-precise.ts'
import { addMetadata } from './metadata.ts'
import { quote, reject, withArticle } from './reasons.ts'
import type { Value, ValueKind } from './schema-values.ts'

const ROWS_PER_CHUNK = 2048

/** Reads the values that one schema was used to write. */
export interface ValueReader {
  /** What the writer has for each declared column; undefined where it has no such field. */
  readonly kinds: readonly (ValueKind | undefined)[]
  /** Fills in the declared columns' values. Throws an `Error` that says what is wrong with the bytes. */
  read(value: Uint8Array, into: Value[]): void
}

/** How values come by their schema. */
export interface SchemaSource {
  /**
   * The reader for a schema id (or `key`), −1 where values are bare; a text where the schema cannot be used, saying why. Throws a
   * catalogue error where it cannot be told now.
   */
  reader(key: number): Promise<ValueReader | string>
  readonly isFramed: boolean
  /** Where a schema has several kinds of values: the key that stands for id and kind. Throws what is wrong with the body. */
  key?(id: number, body: Uint8Array): number
}

/** Records in a binary format: each value's fields go into typed columns, a chunk at a time. */
export function schemaDecoder(format: string, source: (columns: readonly Field[]) => SchemaSource): Decoder {
  let known: SchemaSource | undefined
  return {
    decode(request) {
      known ??= source(request.columns)
      return decode(format, known, request)
    },
  }
}

async function decode(format: string, source: SchemaSource, request: DecodeRequest): Promise<Decoded> {
  const { connection, table, records, metadata, columns } = request
  const { ids, rejected: unframed } = source.isFramed ? keysOf(format, source, records) : readBare(records)
  const readers = await readersOf(source, ids)
  const kinds = columns.map((_, c) => kindsOf(readers, c))
  const carriers = planCarriers(columns, kinds)
  const loaded = `${table}_loaded`
  const required = columns.map(({ name }) => name).filter((name) => request.required.includes(name))
  try {
    const load = new Load(format, source, request, carriers)
    const unread = await load.run(loaded, ids, readers)
    const refused = [...unframed, ...unread].sort(byRecord)
    const from = quoteIdentifier(loaded)
    const uncast = await castColumns({ connection, table, columns: carriers.map((c) => c.column), required, from })
    const kept = recordsWithout(records.count, refused)
    const rejected = [...refused, ...(await explain(connection, loaded, columns, uncast, kept))].sort(byRecord)
    const recordOfRow = rejected.length === 0 ? undefined : recordsWithout(records.count, rejected)
    await addMetadata(connection, table, metadata, records, recordOfRow)
    const rows = records.count - rejected.length
    return recordOfRow === undefined ? { rows, rejected } : { rows, rejected, recordOfRow }
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${quoteIdentifier(loaded)}`)
  }
}

function keysOf(format: string, source: SchemaSource, records: EpochRecords): ReturnType<typeof readFrames> {
  const frames = readFrames(records)
  if (source.key === undefined) return frames
  const { ids } = frames
  const rejected = [...frames.rejected]
  for (let record = 0; record < records.count; record++) {
    if (ids[record] === -1) continue
    try {
      ids[record] = source.key(ids[record] as number, (records.value(record) as Uint8Array).subarray(FRAME_BYTES))
    } catch (error) {
      ids[record] = -1
      rejected.push(reject(RecordMalformedError, record, `not ${format}: ${(error as Error).message}`))
    }
  }
  return { ids, rejected }
}

function readBare(records: EpochRecords): ReturnType<typeof readFrames> {
  const rejected: RejectedRecord[] = []
  for (let record = 0; record < records.count; record++) {
    if (records.value(record) === null)
      rejected.push(reject(RecordEmptyError, record, 'the record has no value (a tombstone)'))
  }
  return { ids: new Int32Array(records.count).fill(-1), rejected }
}

type Readers = ReadonlyMap<number, ValueReader | string>

async function readersOf(source: SchemaSource, ids: Int32Array): Promise<Readers> {
  const distinct = [...new Set(ids)].filter((id) => id !== -1 || !source.isFramed)
  return new Map(await Promise.all(distinct.map(async (id) => [id, await source.reader(id)] as const)))
}

function kindsOf(readers: Readers, column: number): ReadonlySet<ValueKind> {
  const kinds = new Set<ValueKind>()
  for (const reader of readers.values()) {
    const kind = typeof reader === 'string' ? undefined : reader.kinds[column]
    if (kind !== undefined) kinds.add(kind)
  }
  return kinds
}

/** One epoch's way into a table of carriers. */
class Load {
  readonly #format: string
  readonly #source: SchemaSource
  readonly #request: DecodeRequest
  readonly #carriers: readonly Carrier[]
  readonly #values: Value[]
  readonly #items: (DuckDBValue | undefined)[]

  constructor(format: string, source: SchemaSource, request: DecodeRequest, carriers: readonly Carrier[]) {
    this.#format = format
    this.#source = source
    this.#request = request
    this.#carriers = carriers
    this.#values = carriers.map(() => null)
    this.#items = carriers.map(() => null)
  }

  /** Fills the table with what can be read and gives the others, ascending. Those without an id were rejected before. */
  async run(loaded: string, ids: Int32Array, readers: Readers): Promise<RejectedRecord[]> {
    const { connection, records, columns } = this.#request
    const types = this.#carriers.map(({ type }) => type)
    const declared = columns.map(({ name }, c) => `${quoteIdentifier(name)} ${types[c]}`)
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(loaded)} (${declared.join(', ')})`)
    const appender = await connection.native.createAppender(loaded)
    const rejected: RejectedRecord[] = []
    try {
      for (let from = 0; from < records.count; from += ROWS_PER_CHUNK) {
        const chunk = DuckDBDataChunk.create(types, ROWS_PER_CHUNK)
        const vectors = types.map((_, c) => chunk.getColumnVector(c))
        let row = 0
        for (let record = from; record < Math.min(records.count, from + ROWS_PER_CHUNK); record++) {
          const value = records.value(record)
          if (value === null || (this.#source.isFramed && ids[record] === -1)) continue
          const reader = readers.get(ids[record] as number)
          const rejection = reader === undefined ? undefined : this.#read(record, value, reader)
          if (rejection !== undefined) rejected.push(rejection)
          else {
            for (let c = 0; c < vectors.length; c++) vectors[c]?.setItem(row, this.#items[c] as DuckDBValue)
            row++
          }
        }
        if (row === 0) continue
        for (const vector of vectors) vector.flush()
        chunk.rowCount = row
        appender.appendDataChunk(chunk)
      }
    } finally {
      appender.closeSync()
    }
    return rejected
  }

  /** Puts a record's values where the caller takes them from; or what is wrong with it. */
  #read(record: number, value: Uint8Array, reader: ValueReader | string): RejectedRecord | undefined {
    if (typeof reader === 'string') return reject(RecordSchemaUnusableError, record, reader)
    try {
      reader.read(this.#source.isFramed ? value.subarray(FRAME_BYTES) : value, this.#values)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return reject(RecordMalformedError, record, `not ${this.#format}: ${reason}`)
    }
    for (let c = 0; c < this.#carriers.length; c++) {
      const kind = reader.kinds[c]
      const own = this.#values[c] as Value
      const item = kind === undefined || own === null ? null : (this.#carriers[c] as Carrier).item(kind, own)
      if (item === undefined) return this.#wrongType(record, c, String(own))
      this.#items[c] = item
    }
    return undefined
  }

  #wrongType(record: number, column: number, text: string): RejectedRecord {
    return wrongType(record, this.#request.columns[column] as Field, text)
  }
}

async function explain(
  connection: Connection,
  loaded: string,
  columns: readonly Field[],
  uncast: readonly UncastRow[],
  kept: Uint32Array,
): Promise<RejectedRecord[]> {
  const rejected: RejectedRecord[] = []
  for (const { row, column, kind } of uncast) {
    const record = kept[row] as number
    const field = columns[column] as Field
    if (kind === 'missing') rejected.push(rejectMissing(record, field.name))
    else {
      const found = await connection.row<{ text: string }>(
        `SELECT left(CAST(${quoteIdentifier(field.name)} AS VARCHAR), 200) AS text FROM ${quoteIdentifier(loaded)} WHERE rowid = ${row}`,
      )
      // Whole numbers travel as DOUBLE.
      rejected.push(wrongType(record, field, (found?.text ?? '').replace(/^(-?\d+)\.0$/, '$1')))
    }
  }
  return rejected
}

function wrongType(record: number, { name, type }: Field, text: string): RejectedRecord {
  const declared = withArticle(printType(parseType(type)))
  return reject(RecordWrongTypeError, record, `column ${name}: ${quote(text)} is not ${declared}`)
}

function byRecord(a: RejectedRecord, b: RejectedRecord): number {
  return a.record - b.record
}
