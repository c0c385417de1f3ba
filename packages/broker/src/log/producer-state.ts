import { type BatchHeader, CONTROL_TYPE, controlTypeOf, KafkaError, NO_PRODUCER_ID } from '../protocol/index.ts'
import type { TransactionChange } from './transaction-index.ts'

/** So many batches of a producer are remembered: a client has at most as many in flight. */
const REMEMBERED_BATCHES = 5

const MAX_SEQUENCE = 0x7fff_ffff

/** A batch that was appended: its sequence numbers and where it went. */
interface AppendedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
}

/** What one partition knows of one idempotent producer. */
export interface ProducerEntry {
  readonly producerId: number
  readonly epoch: number
  /** The latest last. */
  readonly batches: readonly AppendedBatch[]
  /** Milliseconds since the epoch, from the records. */
  readonly lastTimestamp: number
  /** The first offset of the transaction that the producer has open in this partition; null where it has none. */
  readonly transactionStart: number | null
}

/** The fields of a batch that idempotence and transactions are judged by. */
export interface ProducedBatch {
  readonly producerId: number
  readonly epoch: number
  readonly maxTimestamp: number
  readonly isTransactional: boolean
  readonly firstSequence: number
  readonly lastSequence: number
  /** How the producer's transaction ends, where this is a control batch. */
  readonly ends?: 'commit' | 'abort'
}

/** What a batch makes of its producer. */
export interface ProducerStep {
  readonly entry: ProducerEntry
  readonly change?: TransactionChange
}

/** Reads what `judge` and `advance` need. The whole batch must be in its buffer where it is a control batch. */
export function producedBatch(batch: BatchHeader): ProducedBatch {
  const firstSequence = batch.baseSequence
  return {
    producerId: batch.producerId,
    epoch: batch.producerEpoch,
    maxTimestamp: batch.maxTimestamp,
    isTransactional: batch.isTransactional,
    firstSequence,
    lastSequence: sequenceAfter(firstSequence, batch.lastOffsetDelta),
    ...(batch.isControl && { ends: controlTypeOf(batch) === CONTROL_TYPE.commit ? 'commit' : 'abort' }),
  }
}

/**
 * Decides about a batch by what is known of its producer: `duplicateOf` is the base offset that it got when it came the first time.
 * Throws INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER or INVALID_TXN_STATE. A producer that is not known may begin anywhere, as in
 * Kafka: what was known of it may have expired.
 */
export function judge(known: ProducerEntry | undefined, batch: ProducedBatch): { duplicateOf?: number } {
  if (known === undefined) return {}
  if (batch.epoch < known.epoch)
    throw new KafkaError('INVALID_PRODUCER_EPOCH', `epoch ${batch.epoch} of the producer is before ${known.epoch}`)
  if (batch.ends !== undefined) return {}
  const duplicateOf = duplicateIn(known, batch)
  if (duplicateOf !== undefined) return { duplicateOf }
  const due = sequenceDue(known, batch.epoch)
  if (batch.firstSequence !== due) throw outOfOrder(batch, due)
  if (known.transactionStart !== null && !batch.isTransactional)
    throw new KafkaError('INVALID_TXN_STATE', `producer ${batch.producerId} has a transaction open in this partition`)
  return {}
}

/** What is known of the producer once `batch` has been appended at `baseOffset`, and what that did to its transaction. */
export function advance(known: ProducerEntry | undefined, batch: ProducedBatch, baseOffset: number): ProducerStep {
  return batch.ends === undefined ? afterRecords(known, batch, baseOffset) : afterMarker(known, batch, baseOffset)
}

export function isIdempotent(batch: BatchHeader): boolean {
  return batch.producerId !== NO_PRODUCER_ID
}

function duplicateIn(known: ProducerEntry, batch: ProducedBatch): number | undefined {
  if (known.epoch !== batch.epoch) return undefined
  return known.batches.find(
    ({ firstSequence, lastSequence }) => firstSequence === batch.firstSequence && lastSequence === batch.lastSequence,
  )?.baseOffset
}

/** A new epoch begins anew; so does one that nothing but a marker is known of. */
function sequenceDue(known: ProducerEntry, epoch: number): number {
  const last = known.epoch === epoch ? known.batches.at(-1) : undefined
  return last === undefined ? 0 : sequenceAfter(last.lastSequence, 1)
}

function afterRecords(known: ProducerEntry | undefined, batch: ProducedBatch, baseOffset: number): ProducerStep {
  const { producerId, epoch, firstSequence, lastSequence, maxTimestamp, isTransactional } = batch
  const before = known?.epoch === epoch ? known.batches : []
  const open = known?.transactionStart ?? null
  const begins = isTransactional && open === null
  return {
    entry: {
      producerId,
      epoch,
      batches: [...before, { firstSequence, lastSequence, baseOffset }].slice(-REMEMBERED_BATCHES),
      lastTimestamp: maxTimestamp,
      transactionStart: begins ? baseOffset : open,
    },
    ...(begins && { change: { kind: 'begun', producerId, firstOffset: baseOffset } }),
  }
}

/** A marker that fences has the epoch that follows the producer's: what is known of its batches ends with it. */
function afterMarker(known: ProducerEntry | undefined, batch: ProducedBatch, markerOffset: number): ProducerStep {
  const { producerId, epoch, maxTimestamp, ends } = batch
  const firstOffset = known?.transactionStart ?? null
  const committed = ends === 'commit'
  return {
    entry: {
      producerId,
      epoch,
      batches: known?.epoch === epoch ? known.batches : [],
      lastTimestamp: maxTimestamp,
      transactionStart: null,
    },
    ...(firstOffset !== null && { change: { kind: 'ended', producerId, firstOffset, markerOffset, committed } }),
  }
}

function sequenceAfter(sequence: number, steps: number): number {
  const sum = sequence + steps
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum
}

function outOfOrder(batch: ProducedBatch, expected: number): KafkaError {
  return new KafkaError(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `producer ${batch.producerId} sent sequence ${batch.firstSequence} where ${expected} was due`,
  )
}
