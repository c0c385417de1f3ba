import { setTimeout } from 'node:timers/promises'
import {
  type Decoded,
  decodeResponse,
  type Encodable,
  fetch,
  READ_COMMITTED,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import type { BrokerConnection } from '../client/broker-connection.ts'
import { FIRST_FETCH_BY_ID } from '../client/client.ts'
import type { ReceivedResponse } from '../client/response-receiver.ts'
import { reachOf } from './decode-batches.ts'
import type { PartitionCursor } from './partition-cursor.ts'

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
  /** The leader epoch of that batch, or of the one before the request; −1: not known. */
  readonly leaderEpoch: number
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

export interface FetchOptions {
  readonly version: number
  readonly readCommitted: boolean
  /** These answer again, after failures. */
  worksAgain(cursors: readonly PartitionCursor[]): void
}

/** What a request asks of one partition. */
interface Asked {
  readonly cursor: PartitionCursor
  readonly from: number
}

/**
 * Fetches the partitions of one broker: always one request under way, and as soon as its response is there the next one,
 * while that response is being decoded. Stops asking while `ahead` is full.
 */
export class FetchLoop {
  readonly #options: FetchOptions
  readonly #ahead: FetchTarget
  #cursors: readonly PartitionCursor[] = []
  #changed: (() => void) | undefined

  constructor(options: FetchOptions, ahead: FetchTarget) {
    this.#options = options
    this.#ahead = ahead
  }

  /** What it fetches. */
  get cursors(): readonly PartitionCursor[] {
    return this.#cursors
  }

  add(cursors: readonly PartitionCursor[]): void {
    this.#cursors = [...this.#cursors, ...cursors]
    this.#changed?.()
  }

  /** Until aborted, or until the connection fails. */
  async run(connection: BrokerConnection, signal: AbortSignal): Promise<void> {
    const stop = () => this.#changed?.()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (let turn = 0; !signal.aborted; turn++) {
        await this.#ahead.room()
        await this.#untilCursors(signal)
        if (signal.aborted) return
        const response = await this.#fetch(connection, rotated(this.#cursors, turn))
        this.#ahead.push(response)
        if (isTrickle(response)) await setTimeout(TRICKLE.waitMs)
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async #untilCursors(signal: AbortSignal): Promise<void> {
    this.#cursors = this.#cursors.filter(({ isGivenUp }) => !isGivenUp)
    while (this.#cursors.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
      this.#changed = undefined
    }
  }

  async #fetch(connection: BrokerConnection, cursors: readonly PartitionCursor[]): Promise<FetchedResponse> {
    const { version } = this.#options
    const asked = cursors.map((cursor) => ({ cursor, from: cursor.nextOffset }))
    const received = await connection.exchange(fetch, version, planFetch(asked, this.#options))
    const response = openResponse(received, asked, version)
    for (const { cursor, from, next, leaderEpoch } of response.parts) {
      // Meanwhile it may have been set to go on elsewhere.
      if (cursor.nextOffset !== from) continue
      cursor.nextOffset = next
      cursor.leaderEpoch = leaderEpoch
    }
    this.#noteAnswers(response)
    return response
  }

  #noteAnswers({ parts }: FetchedResponse): void {
    const answered = parts.flatMap(({ cursor, fetched }) =>
      fetched.errorCode === 0 && cursor.patience.failures > 0 && !cursor.isGivenUp ? [cursor] : [],
    )
    if (answered.length === 0) return
    for (const { patience } of answered) patience.worked()
    this.#options.worksAgain(answered)
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

function planFetch(asked: readonly Asked[], options: FetchOptions): Encodable<typeof fetch.request> {
  const topics = [...Map.groupBy(asked, ({ cursor }) => cursor.place.topic)].map(([topic, own]) => ({
    topic,
    topicId: own[0]?.cursor.place.topicId ?? ZERO_UUID,
    partitions: own.map(({ cursor: { place }, from }) => ({
      partition: place.index,
      // A leader that is not the one the metadata named says so, instead of answering from a log that may be another.
      currentLeaderEpoch: place.leaderEpoch,
      fetchOffset: from,
      partitionMaxBytes: PARTITION_BYTES,
    })),
  }))
  return {
    maxWaitMs: LONG_POLL_MS,
    minBytes: 1,
    maxBytes: RESPONSE_BYTES,
    isolationLevel: options.readCommitted ? READ_COMMITTED : 0,
    topics,
  }
}

function openResponse(received: ReceivedResponse, asked: readonly Asked[], version: number): FetchedResponse {
  const { body } = decodeResponse(fetch, version, received.message)
  const keyOf = (topic: string | undefined, index: number) => `${topic}/${index}`
  const byId = version >= FIRST_FETCH_BY_ID
  const byKey = new Map(
    asked.map((one) => {
      const { topic, topicId, index } = one.cursor.place
      return [keyOf(byId ? topicId : topic, index), one] as const
    }),
  )
  const parts = body.responses.flatMap(({ topic, topicId, partitions }) =>
    partitions.flatMap((fetched) => {
      const one = byKey.get(keyOf(byId ? topicId : topic, fetched.partitionIndex))
      return one === undefined ? [] : [partOf(one, fetched)]
    }),
  )
  return { received, receivedAt: Date.now(), errorCode: body.errorCode, parts }
}

function partOf({ cursor, from }: Asked, fetched: FetchedPartition): FetchedPart {
  const { records } = fetched
  const none = { next: from, leaderEpoch: cursor.leaderEpoch }
  const reach = records === null ? none : reachOf(records, 0, records.length, none)
  return { cursor, from, ...reach, fetched }
}
