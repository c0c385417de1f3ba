import type { Json, Position } from '@headrace/core'

/** Where to go on in a partition: the next offset to read, and which records the ones before it were. */
export interface KafkaPosition {
  readonly offset: number
  /** The topic's id, so that a topic made again under its old name is noticed; absent where the broker gives none. */
  readonly topicId?: string
  /** The epoch of the leader that wrote the last record read, so that a truncated log is noticed; absent where none is known. */
  readonly leaderEpoch?: number
}

/** `leaderEpoch` −1: not known. */
export function positionOf(offset: number, topicId: string | undefined, leaderEpoch: number): Position {
  return { offset, ...(topicId !== undefined && { topicId }), ...(leaderEpoch >= 0 && { leaderEpoch }) }
}

/** A position as it was stored by the engine. Throws on anything else: the state is not this source's. */
export function parsePosition(position: Position): KafkaPosition {
  const { offset, topicId, leaderEpoch } = isObject(position) ? position : {}
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
    throw new TypeError(`not a Kafka position: ${JSON.stringify(position)}`)
  }
  return {
    offset,
    ...(typeof topicId === 'string' && { topicId }),
    ...(typeof leaderEpoch === 'number' && { leaderEpoch }),
  }
}

/** `trades/3`: how the engine knows partition 3 of topic `trades`. */
export function partitionName(topic: string, index: number): string {
  return `${topic}/${index}`
}

/** Topic and number from `trades/3`; undefined for names of another kind. A topic's name has no slash. */
export function parsePartitionName(name: string): { readonly topic: string; readonly index: number } | undefined {
  const [, topic, index] = /^([^/]+)\/(\d+)$/.exec(name) ?? []
  return topic === undefined ? undefined : { topic, index: Number(index) }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
