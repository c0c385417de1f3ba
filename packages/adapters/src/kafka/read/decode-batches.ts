import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BatchHeader,
  CODECS,
  type Crc32c,
  MAX_UNPACKED_BYTES,
  UnpackedTooLargeError,
} from '@headrace/broker/protocol'
import { BatchCorruptError, BatchTooLargeError } from '../errors.ts'
import { AbortedFilter, type AbortedTransaction } from './aborted-filter.ts'
import { BLOCK_BYTES, type BlockBufferPool, type BlockBuffers } from './block-buffers.ts'
import { type BatchRecords, copyRecords } from './copy-records.ts'
import { DecompressAhead } from './decompress-ahead.ts'
import { MalformedRecordsError } from './malformed-records.ts'

/** A record takes at least so many bytes: what a header may claim is checked against it before room is made. */
const SMALLEST_RECORD_BYTES = 7

/** One partition's part of a fetch response. */
interface PartitionRecords {
  /** For errors: `trades/0`. */
  readonly partition: string
  readonly buffer: Buffer
  readonly view: DataView
  readonly start: number
  readonly end: number
  /** The offset asked for: a batch may begin before it. */
  readonly from: number
  /** Empty where aborted records are wanted too. */
  readonly aborted: readonly AbortedTransaction[]
}

/** Filled buffers, and the offset and leader epoch after the last batch read for them (control batches and gaps included). */
interface DecodedBlock extends Reach {
  readonly buffers: BlockBuffers
}

/** How far some bytes of a partition reach. */
interface Reach {
  /** The offset after the last whole batch. */
  readonly next: number
  /** That batch's leader epoch. */
  readonly leaderEpoch: number
}

/**
 * How far the whole batches reach, by the headers alone: where the next fetch begins while this one is being decoded. A
 * response may end within a batch; without any whole one, it is `before`.
 */
export function reachOf(buffer: Buffer, start: number, end: number, before: Reach): Reach {
  const batch = new BatchHeader()
  let { next, leaderEpoch } = before
  for (let position = start; end - position >= BATCH_HEADER_BYTES; position += batch.sizeBytes) {
    batch.at(buffer, position)
    // Damage is reported where the batch is decoded; here it only must not be walked over.
    if (batch.sizeBytes < BATCH_HEADER_BYTES || position + batch.sizeBytes > end) break
    if (batch.lastOffset < next) continue
    next = batch.lastOffset + 1
    leaderEpoch = batch.partitionLeaderEpoch
  }
  return { next, leaderEpoch }
}

/**
 * The partition's records as blocks of about `BLOCK_BYTES`, in order. Control batches, aborted transactions and records
 * before `from` are left out. Throws `BatchCorruptError` and `BatchTooLargeError`.
 */
export async function* decodeBatches(
  records: PartitionRecords,
  pool: BlockBufferPool,
  crc32c: Crc32c | undefined,
): AsyncGenerator<DecodedBlock> {
  const { buffer, from } = records
  const batch = new BatchHeader()
  const aborted = new AbortedFilter(records.aborted)
  const ahead = new DecompressAhead(buffer, records.start, records.end)
  let filling: DecodedBlock | undefined
  for (let position = records.start; records.end - position >= BATCH_HEADER_BYTES; position += batch.sizeBytes) {
    batch.at(buffer, position)
    assertReadable(batch, records)
    if (position + batch.sizeBytes > records.end) break
    if (crc32c !== undefined && !batch.isIntact(crc32c)) throw corrupt(records, batch, 'its CRC does not match')
    const reach = { next: Math.max(from, batch.lastOffset + 1), leaderEpoch: batch.partitionLeaderEpoch }
    if (!aborted.leavesOut(batch) && !batch.isControl && batch.lastOffset >= from && batch.recordsCount > 0) {
      const located = batch.codecId === 0 ? inPlace(batch, records) : await decompressed(batch, records, ahead)
      const plain = plainRecords(batch, records, located)
      const bytes = plain.end - plain.start
      if (filling !== undefined && !filling.buffers.hasRoomFor(bytes, plain.count)) {
        yield filling
        filling = undefined
      }
      const buffers: BlockBuffers =
        filling?.buffers ?? pool.take(Math.max(bytes, Math.min(records.end - position, BLOCK_BYTES)), plain.count)
      copyInto(buffers, plain, batch, records)
      filling = { buffers, ...reach }
    } else if (filling !== undefined) filling = { buffers: filling.buffers, ...reach }
  }
  if (filling !== undefined && filling.buffers.count > 0) yield filling
  else if (filling !== undefined) pool.give(filling.buffers)
}

function copyInto(buffers: BlockBuffers, plain: BatchRecords, batch: BatchHeader, records: PartitionRecords): void {
  try {
    copyRecords(plain, records.from, buffers)
  } catch (error) {
    if (error instanceof MalformedRecordsError) throw corrupt(records, batch, error.message)
    throw error
  }
}

function assertReadable(batch: BatchHeader, records: PartitionRecords): void {
  if (batch.magic !== BATCH_MAGIC) {
    throw corrupt(records, batch, `it is in message format ${batch.magic}, from before Kafka 0.11`)
  }
  if (batch.sizeBytes < BATCH_HEADER_BYTES) throw corrupt(records, batch, `its length is ${batch.batchLength}`)
}

type Located = Pick<BatchRecords, 'buffer' | 'view' | 'start' | 'end'>

/** The batch's records after its codec, with what its header says of them. */
function plainRecords(batch: BatchHeader, records: PartitionRecords, located: Located): BatchRecords {
  const count = batch.recordsCount
  if (count * SMALLEST_RECORD_BYTES > located.end - located.start) {
    throw corrupt(records, batch, `it claims ${count} records`)
  }
  return {
    count,
    baseOffset: batch.baseOffset,
    baseTimestamp: batch.baseTimestamp,
    leaderEpoch: batch.partitionLeaderEpoch,
    appendTime: batch.timestampType === 'LogAppendTime' ? batch.maxTimestamp : undefined,
    ...located,
  }
}

function inPlace(batch: BatchHeader, { buffer, view }: PartitionRecords): Located {
  return { buffer, view, start: batch.recordsStart, end: batch.recordsEnd }
}

async function decompressed(batch: BatchHeader, records: PartitionRecords, ahead: DecompressAhead): Promise<Located> {
  const codec = CODECS[batch.codecId]
  if (codec === undefined) throw corrupt(records, batch, `its codec ${batch.codecId} is unknown`)
  try {
    const buffer = await ahead.plain(batch)
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
    return { buffer, view, start: 0, end: buffer.length }
  } catch (error) {
    if (error instanceof UnpackedTooLargeError) throw tooLarge(records, batch, error)
    throw corrupt(records, batch, `its ${codec} data is damaged`, error)
  }
}

function tooLarge({ partition }: PartitionRecords, batch: BatchHeader, cause: Error): BatchTooLargeError {
  const { baseOffset: offset, lastOffset, sizeBytes } = batch
  return new BatchTooLargeError({ partition, offset, lastOffset, sizeBytes, limitBytes: MAX_UNPACKED_BYTES }, { cause })
}

function corrupt(records: PartitionRecords, batch: BatchHeader, reason: string, cause?: unknown): BatchCorruptError {
  const details = { partition: records.partition, offset: batch.baseOffset, reason }
  return new BatchCorruptError(details, cause === undefined ? {} : { cause })
}
