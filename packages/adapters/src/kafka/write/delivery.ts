import { type Batch, RowsRejectedError } from '@headrace/core'
import type { Marker } from './marker.ts'
import type { RecordProducer } from './record-producer.ts'
import { RecordTooLargeError } from './size-limit.ts'

/** What a sink promises of its batches, and how it keeps that. Made by connecting; after an error it is made anew. */
export interface Delivery {
  readonly producer: RecordProducer
  /** Whether a publication that fails in the middle leaves nothing that a reader sees. */
  readonly undoes: boolean
  /** Whether the target holds the batch already. Throws SINK_AHEAD, SINK_BEHIND or SINK_FOREIGN where it holds what does not fit. */
  holds(batch: Batch): boolean
  /** All that `write` gives to the producer is in the target when this resolves. Errors are not translated. */
  publish(marker: Marker, write: () => Promise<void>): Promise<void>
  /** Told now and then while nothing is published. */
  keep(): Promise<void>
  close(): void
}

/** Whether the batch comes again without some rows, over the same connection. */
export function isRowsFault(error: unknown): boolean {
  return error instanceof RowsRejectedError || error instanceof RecordTooLargeError
}
