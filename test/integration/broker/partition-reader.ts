import {
  type BatchHeader,
  CONTROL_TYPE,
  controlTypeOf,
  ERROR,
  fetch,
  forEachBatch,
  READ_COMMITTED,
  VarintCursor,
} from '@headrace/broker/protocol'
import type { RawClient } from './raw-client.ts'

export interface ReadRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
}

interface ReadMarker {
  readonly offset: number
  readonly producerId: number
  readonly committed: boolean
}

export interface PartitionContent {
  readonly records: readonly ReadRecord[]
  readonly markers: readonly ReadMarker[]
  /** The first offset there is, and the one after the last. */
  readonly start: number
  readonly end: number
}

type Aborted = readonly { readonly producerId: number; readonly firstOffset: number }[]

/** Reads a partition from its beginning as a client does: fetch by fetch, each with its own list of aborted transactions. */
export async function readPartition(
  client: RawClient,
  topic: string,
  partition: number,
  options: { readonly committedOnly: boolean; readonly partitionMaxBytes: number },
): Promise<PartitionContent> {
  const content = { records: [] as ReadRecord[], markers: [] as ReadMarker[], start: 0, end: 0 }
  const isolationLevel = options.committedOnly ? READ_COMMITTED : 0
  for (let fetchOffset = 0; ; ) {
    const asked = [{ partition, fetchOffset, partitionMaxBytes: options.partitionMaxBytes }]
    const request = { maxWaitMs: 0, minBytes: 0, isolationLevel, topics: [{ topic, partitions: asked }] }
    const answer = (await client.ask(fetch, 11, request)).responses[0]?.partitions[0]
    if (answer?.errorCode === ERROR.OFFSET_OUT_OF_RANGE && fetchOffset < answer.logStartOffset) {
      // Deleted, before or while it is read: what is there begins later.
      fetchOffset = answer.logStartOffset
      content.records = []
      content.markers = []
      continue
    }
    if (answer?.errorCode !== ERROR.NONE) throw new Error(`a fetch was answered with ${answer?.errorCode}`)
    const batches = answer.records ?? Buffer.alloc(0)
    const isAborted = abortedFilter(answer.abortedTransactions ?? [])
    forEachBatch(batches, (batch) => {
      fetchOffset = batch.lastOffset + 1
      const isLeftOut = isAborted(batch)
      if (batch.isControl) content.markers.push(markerOf(batch))
      else if (!isLeftOut) content.records.push(...recordsOf(batch))
    })
    if (batches.length > 0) continue
    return { ...content, start: answer.logStartOffset, end: answer.highWatermark }
  }
}

/** As the protocol tells clients: a producer's batches are aborted from the first offset that is named up to its marker. */
function abortedFilter(aborted: Aborted): (batch: BatchHeader) => boolean {
  const waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const active = new Set<number>()
  return (batch) => {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.lastOffset)
      active.add(waiting.shift()?.producerId ?? -1)
    if (batch.isControl && controlTypeOf(batch) === CONTROL_TYPE.abort) active.delete(batch.producerId)
    return batch.isTransactional && active.has(batch.producerId)
  }
}

function markerOf(batch: BatchHeader): ReadMarker {
  const { baseOffset: offset, producerId } = batch
  return { offset, producerId, committed: controlTypeOf(batch) === CONTROL_TYPE.commit }
}

function recordsOf(batch: BatchHeader): ReadRecord[] {
  const cursor = new VarintCursor(batch.buffer, batch.recordsStart)
  return Array.from({ length: batch.recordsCount }, () => {
    const length = cursor.next()
    const next = cursor.position + length
    cursor.position++
    const timestamp = batch.baseTimestamp + cursor.next()
    const offset = batch.baseOffset + cursor.next()
    const key = textAt(cursor, batch.buffer)
    const value = textAt(cursor, batch.buffer)
    cursor.position = next
    return { offset, timestamp, key, value }
  })
}

function textAt(cursor: VarintCursor, buffer: Buffer): string | null {
  const bytes = cursor.next()
  if (bytes < 0) return null
  const start = cursor.position
  cursor.position += bytes
  return buffer.toString('utf8', start, cursor.position)
}
