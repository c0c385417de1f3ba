import {
  BATCH_HEADER_BYTES,
  BatchHeader,
  CODECS,
  type Codec,
  decompress,
  RecordBatchBuilder,
  type RecordHeader,
  VarintCursor,
} from '@headrace/broker/protocol'

/** The two halves of a sealed batch's records, to be sealed anew: for a batch that the broker finds too large. */
export function splitBatch(batch: Buffer): [RecordBatchBuilder, RecordBatchBuilder] {
  const { codecId, recordsCount, baseTimestamp } = new BatchHeader().at(batch, 0)
  const cursor = new VarintCursor(decompress(CODECS[codecId] as Codec, batch.subarray(BATCH_HEADER_BYTES)))
  const [first, second] = [new RecordBatchBuilder(), new RecordBatchBuilder()]
  for (let i = 0; i < recordsCount; i++) moveRecord(cursor, baseTimestamp, 2 * i < recordsCount ? first : second)
  return [first, second]
}

function moveRecord(cursor: VarintCursor, baseTimestamp: number, builder: RecordBatchBuilder): void {
  cursor.next()
  // Its attributes, of which there are none.
  cursor.position++
  const timestamp = baseTimestamp + cursor.next()
  cursor.next()
  const key = nextField(cursor)
  const value = nextField(cursor)
  const headers: RecordHeader[] = []
  for (let left = cursor.next(); left > 0; left--) {
    headers.push({ key: nextField(cursor)?.toString() ?? '', value: nextField(cursor) })
  }
  builder.append(key, value, timestamp, headers)
}

function nextField(cursor: VarintCursor): Buffer | null {
  const length = cursor.next()
  if (length < 0) return null
  cursor.position += length
  return cursor.buffer.subarray(cursor.position - length, cursor.position)
}
