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
import type { RawClient } from '../raw-client.ts'

interface ReadRecord {
  readonly offset: number
  readonly value: string
}

interface ReadMarker {
  readonly offset: number
  readonly producerId: number
  readonly committed: boolean
}

export interface PartitionContent {
  readonly records: readonly ReadRecord[]
  readonly markers: readonly ReadMarker[]
}

type Aborted = readonly { readonly producerId: number; readonly firstOffset: number }[]

/** Reads a partition from its beginning as a client does: fetch by fetch, each with its own list of aborted transactions. */
export async function readPartition(
  client: RawClient,
  topic: string,
  partition: number,
  options: { readonly committedOnly: boolean; readonly partitionMaxBytes: number },
): Promise<PartitionContent> {
  const content = { records: [] as ReadRecord[], markers: [] as ReadMarker[] }
  const isolationLevel = options.committedOnly ? READ_COMMITTED : 0
  for (let fetchOffset = 0; ; ) {
    const asked = [{ partition, fetchOffset, partitionMaxBytes: options.partitionMaxBytes }]
    const request = { maxWaitMs: 0, minBytes: 0, isolationLevel, topics: [{ topic, partitions: asked }] }
    const answer = (await client.ask(fetch, 11, request)).responses[0]?.partitions[0]
    if (answer?.errorCode !== ERROR.NONE) throw new Error(`a fetch was answered with ${answer?.errorCode}`)
    const batches = answer.records ?? Buffer.alloc(0)
    const isAborted = abortedFilter(answer.abortedTransactions ?? [])
    forEachBatch(batches, (batch) => {
      fetchOffset = batch.lastOffset + 1
      const isLeftOut = isAborted(batch)
      if (batch.isControl) content.markers.push(markerOf(batch))
      else if (!isLeftOut) content.records.push(...recordsOf(batch))
    })
    if (batches.length === 0) return content
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
    cursor.next()
    const offset = batch.baseOffset + cursor.next()
    const keyBytes = cursor.next()
    cursor.position += Math.max(keyBytes, 0)
    const valueBytes = cursor.next()
    const value = batch.buffer.toString('utf8', cursor.position, cursor.position + valueBytes)
    cursor.position = next
    return { offset, value }
  })
}
