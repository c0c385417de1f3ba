import { setTimeout } from 'node:timers/promises'
import {
  type Decoded,
  decodeResponse,
  type Encodable,
  fetch,
  READ_COMMITTED,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import type { BrokerConnection } from './broker-connection.ts'
import { nextOffset } from './decode-batches.ts'
import type { PartitionCursor } from './partition-cursor.ts'
import type { ReceivedResponse } from './response-receiver.ts'

/** Of one partition in one response: several partitions of this size fit the processor's cache together. */
const PARTITION_BYTES = 1024 * 1024

/** Of one response. */
export const RESPONSE_BYTES = 8 * PARTITION_BYTES

/** How long the broker waits for a first record before it answers that there is none. */
const LONG_POLL_MS = 500

/**
 * After a response with so few bytes the next request waits so long: records that trickle in would otherwise make one request,
 * and one block, each.
 */
const TRICKLE = { bytes: 16 * 1024, waitMs: 4 }

type FetchedPartition = Decoded<typeof fetch.response>['responses'][number]['partitions'][number]

/** One partition of a response, and where the request had asked it to begin. */
export interface FetchedPart {
  readonly cursor: PartitionCursor
  readonly from: number
  /** The offset after the last whole batch of the response. */
  readonly next: number
  readonly fetched: FetchedPartition
}

/** A response that waits to be decoded. `release` it when its bytes are no longer needed. */
export interface FetchedResponse {
  readonly received: ReceivedResponse
  readonly receivedAt: number
  /** Of the response as a whole; 0 is none. */
  readonly errorCode: number
  readonly parts: readonly FetchedPart[]
}

/** Where responses go: a `ReadAhead`. */
interface FetchTarget {
  room(): Promise<void>
  push(response: FetchedResponse): void
}

interface FetchOptions {
  readonly version: number
  readonly topic: string
  readonly topicId: string | undefined
  readonly readCommitted: boolean
}

/**
 * Fetches the partitions of one broker until aborted: always one request under way, and as soon as its response is there the
 * next one, while that response is being decoded. Stops asking while `ahead` is full.
 */
export async function runFetchLoop(
  connection: BrokerConnection,
  cursors: readonly PartitionCursor[],
  options: FetchOptions,
  ahead: FetchTarget,
  signal: AbortSignal,
): Promise<void> {
  const byIndex = new Map(cursors.map((cursor) => [cursor.index, cursor]))
  for (let turn = 0; !signal.aborted; turn++) {
    await ahead.room()
    if (signal.aborted) return
    const received = await connection.exchange(fetch, options.version, planFetch(rotated(cursors, turn), options))
    const response = openResponse(received, byIndex, options.version)
    for (const { cursor, next } of response.parts) cursor.nextOffset = next
    ahead.push(response)
    if (isTrickle(response)) await setTimeout(TRICKLE.waitMs)
  }
}

function isTrickle({ parts }: FetchedResponse): boolean {
  const bytes = parts.reduce((sum, { fetched }) => sum + (fetched.records?.length ?? 0), 0)
  return bytes > 0 && bytes < TRICKLE.bytes
}

/** Another partition first each time: where one has more than a response holds, the others must not starve. */
function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  const start = turn % items.length
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)]
}

function planFetch(cursors: readonly PartitionCursor[], options: FetchOptions): Encodable<typeof fetch.request> {
  const partitions = cursors.map(({ index, nextOffset: fetchOffset }) => ({
    partition: index,
    fetchOffset,
    partitionMaxBytes: PARTITION_BYTES,
  }))
  return {
    maxWaitMs: LONG_POLL_MS,
    minBytes: 1,
    maxBytes: RESPONSE_BYTES,
    isolationLevel: options.readCommitted ? READ_COMMITTED : 0,
    topics: [{ topic: options.topic, topicId: options.topicId ?? ZERO_UUID, partitions }],
  }
}

function openResponse(
  received: ReceivedResponse,
  cursors: ReadonlyMap<number, PartitionCursor>,
  version: number,
): FetchedResponse {
  const { body } = decodeResponse(fetch, version, received.message)
  const parts = body.responses
    .flatMap((topic) => topic.partitions)
    .flatMap((fetched) => {
      const cursor = cursors.get(fetched.partitionIndex)
      if (cursor === undefined) return []
      const from = cursor.nextOffset
      const { records } = fetched
      const next = records === null ? from : nextOffset(records, 0, records.length, from)
      return [{ cursor, from, next, fetched }]
    })
  return { received, receivedAt: Date.now(), errorCode: body.errorCode, parts }
}
