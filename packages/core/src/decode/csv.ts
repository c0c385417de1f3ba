import type { DecodeConfigOf } from '../config/decode-schema.ts'
import { quoteIdentifier, quoteLiteral } from '../duckdb/index.ts'
import { recordsWithout } from './buffers.ts'
import { castColumns, type LoadedColumn, type UncastRow } from './cast-columns.ts'
import { printType } from './column-type.ts'
import { type CsvDialect, rowBytes, screenCsv, splitRow } from './csv-screen.ts'
import type { Decoded, DecodeRequest, Decoder, RejectedRecord } from './decoder.ts'
import { RecordWrongTypeError } from './errors.ts'
import { type JsonColumn, planColumns } from './json-columns.ts'
import { rejectMissing } from './json-precise.ts'
import { addMetadata } from './metadata.ts'
import { quote, reject, withArticle } from './reasons.ts'
import { findNotUtf8 } from './screen.ts'
import { writeSpool } from './spool.ts'

/** The least `max_line_size`, DuckDB's own default. */
const LEAST_LINE_SIZE = 2 * 1024 * 1024

type CsvConfig = DecodeConfigOf<'csv'>

/**
 * One row of separated values per record. That a record is one row is found out byte by byte; DuckDB's reader then takes all
 * rows at once as text, and a field that does not cast to its column's type rejects its record alone.
 */
export function csvDecoder(config: CsvConfig): Decoder {
  return { decode: (request) => decode(config, request) }
}

async function decode(config: CsvConfig, request: DecodeRequest): Promise<Decoded> {
  const { connection, table, records, metadata, spoolFile } = request
  const dialect: CsvDialect = {
    delimiter: config.delimiter.charCodeAt(0),
    quote: config.quote.charCodeAt(0),
    header: config.header ? request.columns.map(({ name }) => name) : undefined,
  }
  const every = recordsWithout(records.count, [])
  const notUtf8 = findNotUtf8(records, every)
  const refused = new Set(notUtf8.map(({ record }) => record))
  const screened = screenCsv(records, dialect, request.columns.length, refused)
  const unread = byRecord([...notUtf8, ...screened.rejected])
  await writeSpool(spoolFile, screened.rows)
  const columns = planColumns(request.columns)
  const uncast = await castColumns({
    connection,
    table,
    columns: columns.map(loadedColumn),
    required: columns.map(({ name }) => name).filter((name) => request.required.includes(name)),
    from: readCsv(config, columns, spoolFile, screened),
  })
  const kept = recordsWithout(records.count, unread)
  const rejected = byRecord([...unread, ...uncast.map((row) => explain(row, columns, kept, request, dialect))])
  const recordOfRow = rejected.length === 0 ? undefined : recordsWithout(records.count, rejected)
  await addMetadata(connection, table, metadata, records, recordOfRow)
  const rows = records.count - rejected.length
  return recordOfRow === undefined ? { rows, rejected } : { rows, rejected, recordOfRow }
}

/** Text as JSON's strings are read: a time with an offset is put into UTC. */
function loadedColumn({ name, readAs, convert }: JsonColumn): LoadedColumn {
  if (readAs === 'VARCHAR') return { name, cast: (loaded) => loaded, mayFail: false }
  return { name, cast: (loaded) => convert(`TRY_CAST(${loaded} AS ${readAs})`), mayFail: true }
}

function readCsv(
  config: CsvConfig,
  columns: readonly JsonColumn[],
  spoolFile: string,
  { longest, hasNewlines }: { readonly longest: number; readonly hasNewlines: boolean },
): string {
  const types = columns.map(({ name }) => `${quoteIdentifier(name)}: 'VARCHAR'`)
  const size = Math.max(LEAST_LINE_SIZE, 2 * longest)
  return `read_csv(${quoteLiteral(spoolFile)}, auto_detect = false, header = false, compression = 'none', new_line = '\\n',
    delim = ${quoteLiteral(config.delimiter)}, quote = ${quoteLiteral(config.quote)}, escape = ${quoteLiteral(config.quote)},
    nullstr = ${quoteLiteral(config.null)}, allow_quoted_nulls = false, strict_mode = true, max_line_size = ${size},
    parallel = ${!hasNewlines}, columns = {${types.join(', ')}})`
}

function explain(
  { row, column, kind }: UncastRow,
  columns: readonly JsonColumn[],
  kept: Uint32Array,
  { records }: DecodeRequest,
  dialect: CsvDialect,
): RejectedRecord {
  const record = kept[row] as number
  const { name, type } = columns[column] as JsonColumn
  if (kind === 'missing') return rejectMissing(record, name)
  const text = splitRow(rowBytes(records, record, dialect), dialect)[column]?.text ?? ''
  return reject(RecordWrongTypeError, record, `column ${name}: "${quote(text)}" is not ${withArticle(printType(type))}`)
}

function byRecord(rejected: RejectedRecord[]): RejectedRecord[] {
  return rejected.sort((a, b) => a.record - b.record)
}
