import type { Json, Position } from '@headrace/core'

/** Where to go on in a partition: the next offset to read, and which topic of that name it belongs to. */
interface KafkaPosition {
  readonly offset: number
  /** The topic's id, so that a topic made again under its old name is noticed; absent where the broker gives none. */
  readonly topicId?: string
}

export function positionOf(offset: number, topicId: string | undefined): Position {
  return topicId === undefined ? { offset } : { offset, topicId }
}

/** A position as it was stored by the engine. Throws on anything else: the state is not this source's. */
export function parsePosition(position: Position): KafkaPosition {
  const { offset, topicId } = isObject(position) ? position : {}
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
    throw new TypeError(`not a Kafka position: ${JSON.stringify(position)}`)
  }
  return typeof topicId === 'string' ? { offset, topicId } : { offset }
}

/** `trades/3`: how the engine knows partition 3 of topic `trades`. */
export function partitionName(topic: string, index: number): string {
  return `${topic}/${index}`
}

/** 3 from `trades/3`. A topic's name has no slash. */
export function partitionIndex(name: string): number {
  return Number(name.slice(name.lastIndexOf('/') + 1))
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
