import { type BatchHeader, KafkaError, NO_PRODUCER_ID } from '../protocol/index.ts'

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
}

/** The fields of a batch that idempotence is judged by. */
export interface ProducedBatch {
  readonly producerId: number
  readonly epoch: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly maxTimestamp: number
}

export function producedBatch(batch: BatchHeader): ProducedBatch {
  const firstSequence = batch.baseSequence
  return {
    producerId: batch.producerId,
    epoch: batch.producerEpoch,
    firstSequence,
    lastSequence: sequenceAfter(firstSequence, batch.lastOffsetDelta),
    maxTimestamp: batch.maxTimestamp,
  }
}

/**
 * Decides about a batch by what is known of its producer: `duplicateOf` is the base offset that it got when it came the first time.
 * Throws INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE_NUMBER. A producer that is not known may begin anywhere, as in Kafka: what was
 * known of it may have expired.
 */
export function judgeSequence(known: ProducerEntry | undefined, batch: ProducedBatch): { duplicateOf?: number } {
  if (known === undefined) return {}
  if (batch.epoch < known.epoch)
    throw new KafkaError('INVALID_PRODUCER_EPOCH', `epoch ${batch.epoch} of the producer is before ${known.epoch}`)
  if (batch.epoch > known.epoch) {
    if (batch.firstSequence !== 0) throw outOfOrder(batch, 0)
    return {}
  }
  const duplicate = known.batches.find(
    (other) => other.firstSequence === batch.firstSequence && other.lastSequence === batch.lastSequence,
  )
  if (duplicate) return { duplicateOf: duplicate.baseOffset }
  const last = known.batches.at(-1)
  if (last && batch.firstSequence !== sequenceAfter(last.lastSequence, 1))
    throw outOfOrder(batch, sequenceAfter(last.lastSequence, 1))
  return {}
}

/** What is known of the producer once `batch` has been appended at `baseOffset`. */
export function entryAfter(known: ProducerEntry | undefined, batch: ProducedBatch, baseOffset: number): ProducerEntry {
  const { producerId, epoch, firstSequence, lastSequence, maxTimestamp } = batch
  const before = known && known.epoch === epoch ? known.batches : []
  return {
    producerId,
    epoch,
    batches: [...before, { firstSequence, lastSequence, baseOffset }].slice(-REMEMBERED_BATCHES),
    lastTimestamp: maxTimestamp,
  }
}

export function isIdempotent(batch: BatchHeader): boolean {
  return batch.producerId !== NO_PRODUCER_ID
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
