import {
  BLOB,
  type Connection,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDataChunk,
  type DuckDBVector,
  INTEGER,
  quoteIdentifier,
  quoteLiteral,
  timestampOfMs,
  VARCHAR,
} from '../duckdb/index.ts'
import { type EpochRecords, type MetadataColumn, type RecordBlock, type RecordHeader, valueAt } from '../model/index.ts'

const ROWS_PER_CHUNK = 2048

/**
 * Appends the metadata columns to the decoded table, row by row: row i is record `recordOfRow[i]` (i where undefined).
 * They come from the blocks' own columns and never pass through a value, so nothing in a value can change them.
 */
export async function addMetadata(
  connection: Connection,
  table: string,
  metadata: readonly MetadataColumn[],
  records: EpochRecords,
  recordOfRow: Uint32Array | undefined,
): Promise<void> {
  if (metadata.length === 0) return
  const beside = `${table}_metadata`
  const partitions = [...new Set(records.blocks.map((block) => block.partition))]
  try {
    await loadMetadata(connection, beside, metadata, records, recordOfRow, partitions)
    const columns = metadata.map((column) => `${expression(column, partitions)} AS ${quoteIdentifier(column)}`)
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} AS
      SELECT decoded.*, ${columns.join(', ')}
      FROM ${quoteIdentifier(table)} AS decoded POSITIONAL JOIN ${quoteIdentifier(beside)} AS beside`)
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${quoteIdentifier(beside)}`)
  }
}

/** The declared form of a column, from the form in which it is loaded: numbers as DOUBLE, which holds them exactly. */
function expression(column: MetadataColumn, partitions: readonly string[]): string {
  const loaded = `beside.${quoteIdentifier(column)}`
  switch (column) {
    case '_partition':
      return `([${partitions.map(quoteLiteral).join(', ')}]::VARCHAR[])[${loaded} + 1]`
    case '_offset':
      return `${loaded}::BIGINT`
    case '_timestamp':
      return timestampOfMs(loaded)
    case '_key':
    case '_leader_epoch':
      return loaded
    case '_timestamp_type':
      return `CASE ${loaded} WHEN 0 THEN 'CreateTime' WHEN 1 THEN 'LogAppendTime' END`
    case '_headers':
      return `list_transform(from_json(${loaded}, '[{"key":"VARCHAR","value":"VARCHAR"}]'),
        lambda header: {'key': header.key, 'value': from_base64(header.value)})`
  }
}

const LOADED_AS = {
  _partition: INTEGER,
  _offset: DOUBLE,
  _timestamp: DOUBLE,
  _key: BLOB,
  _headers: VARCHAR,
  _timestamp_type: INTEGER,
  _leader_epoch: INTEGER,
}

async function loadMetadata(
  connection: Connection,
  table: string,
  metadata: readonly MetadataColumn[],
  records: EpochRecords,
  recordOfRow: Uint32Array | undefined,
  partitions: readonly string[],
): Promise<void> {
  const types = metadata.map((column) => LOADED_AS[column])
  const declared = metadata.map((column, i) => `${quoteIdentifier(column)} ${types[i]}`).join(', ')
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteIdentifier(table)} (${declared})`)
  const appender = await connection.native.createAppender(table)
  try {
    for (const { block, rows } of rowsOfBlocks(records, recordOfRow)) {
      const partition = partitions.indexOf(block.partition)
      for (let from = 0; from < rows.length; from += ROWS_PER_CHUNK) {
        const some = rows.subarray(from, from + ROWS_PER_CHUNK)
        const chunk = DuckDBDataChunk.create(types, some.length)
        metadata.forEach((column, c) => {
          const vector = chunk.getColumnVector(c)
          fill(vector, column, block, some, partition)
          vector.flush()
        })
        appender.appendDataChunk(chunk)
      }
    }
  } finally {
    appender.closeSync()
  }
}

/** One loop per column, without an array in between: this is once per record and column. */
function fill(
  vector: DuckDBVector,
  column: MetadataColumn,
  block: RecordBlock,
  rows: Uint32Array,
  partition: number,
): void {
  switch (column) {
    case '_partition':
      for (let i = 0; i < rows.length; i++) vector.setItem(i, partition)
      break
    case '_offset':
      for (let i = 0; i < rows.length; i++) vector.setItem(i, block.ordinals[rows[i] as number] as number)
      break
    case '_timestamp':
      for (let i = 0; i < rows.length; i++) {
        const ms = block.timestamps[rows[i] as number] as number
        vector.setItem(i, ms >= 0 ? ms : null)
      }
      break
    case '_key':
      for (let i = 0; i < rows.length; i++) {
        const key = block.keys === undefined ? null : valueAt(block.keys, rows[i] as number)
        vector.setItem(i, key === null ? null : new DuckDBBlobValue(key))
      }
      break
    case '_headers':
      for (let i = 0; i < rows.length; i++) {
        const headers = block.headersOf?.(rows[i] as number)
        vector.setItem(i, headers === undefined ? null : headersText(headers))
      }
      break
    case '_timestamp_type':
      for (let i = 0; i < rows.length; i++) {
        vector.setItem(i, block.timestampTypes?.[rows[i] as number] ?? null)
      }
      break
    case '_leader_epoch':
      for (let i = 0; i < rows.length; i++) {
        const epoch = block.leaderEpochs?.[rows[i] as number] ?? -1
        vector.setItem(i, epoch < 0 ? null : epoch)
      }
  }
}

/** Headers in the form in which they are loaded: JSON, in which a value's bytes are base64. */
function headersText(headers: readonly RecordHeader[]): string {
  const plain = headers.map(({ key, value }) => ({
    key,
    value: value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64'),
  }))
  return JSON.stringify(plain)
}

/** For each block, which of its records became rows. */
function* rowsOfBlocks(
  records: EpochRecords,
  recordOfRow: Uint32Array | undefined,
): Generator<{ block: RecordBlock; rows: Uint32Array }> {
  let row = 0
  for (const [b, block] of records.blocks.entries()) {
    const first = records.starts[b] as number
    if (recordOfRow === undefined) {
      yield { block, rows: allRows(block.count) }
      continue
    }
    const from = row
    while (row < recordOfRow.length && (recordOfRow[row] as number) < first + block.count) row++
    yield { block, rows: recordOfRow.subarray(from, row).map((record) => record - first) }
  }
}

function allRows(count: number): Uint32Array {
  const rows = new Uint32Array(count)
  for (let i = 0; i < count; i++) rows[i] = i
  return rows
}
