import {
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BatchHeader,
  CODECS,
  KafkaError,
  writeInt64,
} from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { advance, isIdempotent, judge, type ProducerEntry, producedBatch } from './producer-state.ts'
import type { TransactionChange } from './transaction-index.ts'

/** Where one batch goes: appended at `baseOffset`, or there already. */
export type Placement = { readonly baseOffset: number; readonly duplicate: boolean } | { readonly rejected: KafkaError }

/** What one write will change in a log, worked out before a byte is written. */
export interface AppendPlan {
  readonly placements: readonly Placement[]
  /** The batches to write, end to end, with their offsets filled in. */
  readonly batches: readonly Buffer[]
  readonly sizeBytes: number
  readonly nextOffset: number
  /** Producers that the write changes. */
  readonly producers: ReadonlyMap<number, ProducerEntry>
  /** What the batches do to transactions, in their order. */
  readonly transactions: readonly TransactionChange[]
}

/** What a plan has come to while it is made. */
interface Draft {
  readonly known: ReadonlyMap<number, ProducerEntry>
  readonly producers: Map<number, ProducerEntry>
  readonly transactions: TransactionChange[]
}

/**
 * Checks a batch as a client sent it: format, length, CRC, counts. Throws `KafkaError`. The records inside are not looked at, so that
 * appending costs the same for one as for thousands.
 */
export function checkBatch(records: Buffer, maxBatchBytes: number): void {
  const batch = new BatchHeader().at(records, 0)
  if (records.length < BATCH_HEADER_BYTES) throw new KafkaError('CORRUPT_MESSAGE', 'the record batch is cut off')
  if (batch.magic !== BATCH_MAGIC)
    throw new KafkaError('UNSUPPORTED_FOR_MESSAGE_FORMAT', `message format ${batch.magic} is not taken, only 2`)
  if (batch.sizeBytes > records.length || batch.sizeBytes < BATCH_HEADER_BYTES)
    throw new KafkaError('CORRUPT_MESSAGE', 'the record batch has another length than it says')
  if (batch.sizeBytes < records.length)
    throw new KafkaError('INVALID_RECORD', 'a partition takes exactly one record batch per request')
  assertBatchSize(batch.sizeBytes, maxBatchBytes)
  if (!batch.isIntact(crc32c)) throw new KafkaError('CORRUPT_MESSAGE', 'the record batch does not match its CRC')
  if (CODECS[batch.codecId] === undefined)
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `compression codec ${batch.codecId} is not known`)
  if (batch.recordsCount <= 0 || batch.lastOffsetDelta !== batch.recordsCount - 1)
    throw new KafkaError('INVALID_RECORD', 'the record batch has another number of records than it says')
  if (batch.isControl) throw new KafkaError('INVALID_RECORD', 'control batches are not taken from clients')
  if (batch.isTransactional && !isIdempotent(batch))
    throw new KafkaError('INVALID_RECORD', 'a transactional batch needs a producer id')
}

/** Throws MESSAGE_TOO_LARGE for a batch that a topic does not take. */
export function assertBatchSize(sizeBytes: number, maxBatchBytes: number): void {
  if (sizeBytes > maxBatchBytes)
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `the record batch has ${sizeBytes} bytes, more than max.message.bytes (${maxBatchBytes})`,
    )
}

/**
 * Gives checked batches, and control batches of our own, their offsets, in order, and judges them by what is known of their producers. Fills the offsets in: base offset and
 * leader epoch lie outside of the CRC, so the rest of the bytes stays as the producer sent it.
 */
export function planAppend(
  records: readonly Buffer[],
  nextOffset: number,
  producers: ReadonlyMap<number, ProducerEntry>,
): AppendPlan {
  const draft: Draft = { known: producers, producers: new Map(), transactions: [] }
  const placements: Placement[] = []
  const batches: Buffer[] = []
  const batch = new BatchHeader()
  let offset = nextOffset
  let sizeBytes = 0
  for (const buffer of records) {
    batch.at(buffer, 0)
    const placement = placementOf(batch, offset, draft)
    placements.push(placement)
    if ('rejected' in placement || placement.duplicate) continue
    writeInt64(buffer, offset, BATCH_FIELD.baseOffset)
    buffer.writeInt32BE(0, BATCH_FIELD.partitionLeaderEpoch)
    batches.push(buffer)
    sizeBytes += buffer.length
    offset += batch.recordsCount
  }
  const { producers: changed, transactions } = draft
  return { placements, batches, sizeBytes, nextOffset: offset, producers: changed, transactions }
}

function placementOf(batch: BatchHeader, offset: number, draft: Draft): Placement {
  if (!isIdempotent(batch)) return { baseOffset: offset, duplicate: false }
  const produced = producedBatch(batch)
  const known = draft.producers.get(produced.producerId) ?? draft.known.get(produced.producerId)
  try {
    const { duplicateOf } = judge(known, produced)
    if (duplicateOf !== undefined) return { baseOffset: duplicateOf, duplicate: true }
  } catch (error) {
    if (error instanceof KafkaError) return { rejected: error }
    throw error
  }
  const { entry, change } = advance(known, produced, offset)
  draft.producers.set(produced.producerId, entry)
  if (change) draft.transactions.push(change)
  return { baseOffset: offset, duplicate: false }
}
