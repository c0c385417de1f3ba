import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BatchHeader,
  CODECS,
  KafkaError,
  writeInt64,
} from '../protocol/index.ts'
import { crc32c } from '../storage/crc32c.ts'
import { entryAfter, isIdempotent, judgeSequence, type ProducerEntry, producedBatch } from './producer-state.ts'

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
  if (batch.sizeBytes > maxBatchBytes)
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `the record batch has ${batch.sizeBytes} bytes, more than max.message.bytes (${maxBatchBytes})`,
    )
  if (!batch.isIntact(crc32c)) throw new KafkaError('CORRUPT_MESSAGE', 'the record batch does not match its CRC')
  if (CODECS[batch.codecId] === undefined)
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `compression codec ${batch.codecId} is not known`)
  if (batch.recordsCount <= 0 || batch.lastOffsetDelta !== batch.recordsCount - 1)
    throw new KafkaError('INVALID_RECORD', 'the record batch has another number of records than it says')
  if ((batch.attributes & (BATCH_ATTRIBUTE.control | BATCH_ATTRIBUTE.transactional)) !== 0)
    throw new KafkaError('INVALID_RECORD', 'control and transactional batches are not taken')
}

/**
 * Gives checked batches their offsets, in order, and judges the sequences of idempotent producers. Fills the offsets in: base offset and
 * leader epoch lie outside of the CRC, so the rest of the bytes stays as the producer sent it.
 */
export function planAppend(
  records: readonly Buffer[],
  nextOffset: number,
  producers: ReadonlyMap<number, ProducerEntry>,
): AppendPlan {
  const changed = new Map<number, ProducerEntry>()
  const placements: Placement[] = []
  const batches: Buffer[] = []
  const batch = new BatchHeader()
  let offset = nextOffset
  let sizeBytes = 0
  for (const buffer of records) {
    batch.at(buffer, 0)
    const placement = placementOf(batch, offset, changed, producers)
    placements.push(placement)
    if ('rejected' in placement || placement.duplicate) continue
    writeInt64(buffer, offset, BATCH_FIELD.baseOffset)
    buffer.writeInt32BE(0, BATCH_FIELD.partitionLeaderEpoch)
    batches.push(buffer)
    sizeBytes += buffer.length
    offset += batch.recordsCount
  }
  return { placements, batches, sizeBytes, nextOffset: offset, producers: changed }
}

function placementOf(
  batch: BatchHeader,
  offset: number,
  changed: Map<number, ProducerEntry>,
  producers: ReadonlyMap<number, ProducerEntry>,
): Placement {
  if (!isIdempotent(batch)) return { baseOffset: offset, duplicate: false }
  const produced = producedBatch(batch)
  const known = changed.get(produced.producerId) ?? producers.get(produced.producerId)
  try {
    const { duplicateOf } = judgeSequence(known, produced)
    if (duplicateOf !== undefined) return { baseOffset: duplicateOf, duplicate: true }
  } catch (error) {
    if (error instanceof KafkaError) return { rejected: error }
    throw error
  }
  changed.set(produced.producerId, entryAfter(known, produced, offset))
  return { baseOffset: offset, duplicate: false }
}
