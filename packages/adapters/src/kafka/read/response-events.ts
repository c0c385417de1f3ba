import type { Crc32c } from '@headrace/broker/protocol'
import type { SourceEvent } from '@headrace/core'
import { positionOf } from '../position.ts'
import type { BlockBufferPool } from './block-buffers.ts'
import { decodeBatches } from './decode-batches.ts'
import type { FetchedPart, FetchedResponse } from './fetch-loop.ts'

/** A partition that stays at its end is reported so often (ms). */
const AT_END_EVERY_MS = 400

export interface DecodeOptions {
  readonly readCommitted: boolean
  readonly blocks: BlockBufferPool
  readonly crc32c: Crc32c | undefined
}

/** What a response without errors has to say, partition by partition. Its bytes are read as the events are taken. */
export async function* eventsOf(response: FetchedResponse, options: DecodeOptions): AsyncGenerator<SourceEvent> {
  for (const part of response.parts) {
    // An error says nothing of where the partition ends.
    if (part.cursor.isGivenUp || part.fetched.errorCode !== 0) continue
    if (part.next > part.from) {
      part.cursor.atEndReportedAt = 0
      yield* recordEvents(part, response, options)
    }
    if (isNewlyAtEnd(part, response.receivedAt, options.readCommitted)) {
      part.cursor.atEndReportedAt = response.receivedAt
      yield { atEnd: part.cursor.place.name, observedAt: response.receivedAt }
    }
  }
}

async function* recordEvents(
  part: FetchedPart,
  response: FetchedResponse,
  options: DecodeOptions,
): AsyncGenerator<SourceEvent> {
  const { from, next, fetched } = part
  const { name, topicId } = part.cursor.place
  const { readCommitted, blocks, crc32c } = options
  const buffer = fetched.records
  if (buffer === null) return
  const { view } = response.received
  const start = buffer.byteOffset - view.byteOffset
  const located = { buffer: wholeBuffer(view), view, start, end: start + buffer.length }
  const aborted = readCommitted ? (fetched.abortedTransactions ?? []) : []
  let reached = from
  for await (const block of decodeBatches({ partition: name, ...located, from, aborted }, blocks, crc32c)) {
    reached = block.next
    yield { block: blocks.block(block.buffers, name, positionOf(block.next, topicId, block.leaderEpoch)) }
  }
  if (reached < next) yield { progress: name, next: positionOf(next, topicId, part.leaderEpoch) }
}

function wholeBuffer(view: DataView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}

function isNewlyAtEnd({ cursor, next, fetched }: FetchedPart, at: number, readCommitted: boolean): boolean {
  // Below an open transaction's first record nothing more can be read for now.
  const end = readCommitted && fetched.lastStableOffset >= 0 ? fetched.lastStableOffset : fetched.highWatermark
  return next >= end && at - cursor.atEndReportedAt >= AT_END_EVERY_MS
}
