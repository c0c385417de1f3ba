import { BATCH_HEADER_BYTES, type BatchHeader, type Crc32c } from './record-batch.ts'
import { RecordBatchBuilder } from './record-batch-builder.ts'
import { VarintCursor } from './varint.ts'

/** Types of control records. Source: org.apache.kafka.common.record.ControlRecordType. */
export const CONTROL_TYPE = { abort: 0, commit: 1 } as const

/** The end of a producer's transaction, as a partition's log holds it. */
export interface TransactionMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly committed: boolean
  /** Milliseconds since the epoch. */
  readonly timestamp: number
}

const CONTROL_RECORD_VERSION = 0

/** The coordinator's epoch, which a marker's value tells: there is nobody else to coordinate. */
const COORDINATOR_EPOCH = 0

/** A control batch with its only record: the marker. */
export function controlBatchOf(marker: TransactionMarker, crc32c: Crc32c): Buffer {
  const { producerId, producerEpoch, committed, timestamp } = marker
  const key = Buffer.alloc(4)
  key.writeInt16BE(CONTROL_RECORD_VERSION, 0)
  key.writeInt16BE(committed ? CONTROL_TYPE.commit : CONTROL_TYPE.abort, 2)
  const value = Buffer.alloc(6)
  value.writeInt16BE(CONTROL_RECORD_VERSION, 0)
  value.writeInt32BE(COORDINATOR_EPOCH, 2)
  const builder = new RecordBatchBuilder(128)
  builder.append(key, value, timestamp)
  return builder.seal({ crc32c, producerId, producerEpoch, isTransactional: true, isControl: true })
}

/** The type of the record in a control batch: one of `CONTROL_TYPE`, or a number that we do not know. The whole batch must be in its buffer. */
export function controlTypeOf(batch: BatchHeader): number {
  const cursor = new VarintCursor(batch.buffer, batch.position + BATCH_HEADER_BYTES)
  cursor.next()
  cursor.position++
  for (const _field of ['timestamp delta', 'offset delta', 'length of the key']) cursor.next()
  return batch.buffer.readInt16BE(cursor.position + 2)
}
