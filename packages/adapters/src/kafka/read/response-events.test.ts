import type { SourceEvent } from '@headrace/core'
import { expect, test } from 'vitest'
import { BlockBufferPool } from './block-buffers.ts'
import type { FetchedResponse } from './fetch-loop.ts'
import { cursorAt } from './partition-cursor.ts'
import { eventsOf } from './response-events.ts'

const PLACE = { name: 't/0', topic: 't', topicId: undefined, index: 0, leader: undefined, leaderEpoch: 0 }

/** An answer without records. */
function answer(errorCode: number, end: number): FetchedResponse {
  const fetched = {
    partitionIndex: 0,
    errorCode,
    highWatermark: end,
    lastStableOffset: end,
    logStartOffset: end,
    abortedTransactions: null,
    preferredReadReplica: -1,
    divergingEpoch: null,
    currentLeader: null,
    snapshotId: null,
    records: null,
  }
  const message = Buffer.alloc(0)
  const received = { message, view: new DataView(new ArrayBuffer(0)), release: () => undefined }
  const parts = [{ cursor: cursorAt(PLACE, 7, -1), from: 7, next: 7, leaderEpoch: -1, fetched }]
  return { received, receivedAt: 1000, errorCode: 0, parts }
}

async function eventsFor(response: FetchedResponse): Promise<SourceEvent[]> {
  const options = { readCommitted: true, blocks: new BlockBufferPool([]), crc32c: undefined }
  const events: SourceEvent[] = []
  for await (const event of eventsOf(response, options)) events.push(event)
  return events
}

test('a partition without more records is at its end, one that could not be read is not', async () => {
  const OFFSET_OUT_OF_RANGE = 1
  expect(await eventsFor(answer(0, 7))).toEqual([{ atEnd: 't/0', observedAt: 1000 }])
  expect(await eventsFor(answer(0, 9))).toEqual([])
  expect(await eventsFor(answer(OFFSET_OUT_OF_RANGE, -1))).toEqual([])
})
