import type { Positions } from '@headrace/core'
import type { KafkaSourceConfig } from './config.ts'
import { PartitionMissingError } from './errors.ts'
import { parsePosition, partitionIndex } from './position.ts'

/** In the place of a time, ListOffsets takes these: the first offset there is, and the one after the last. */
export const FIRST_OFFSET = -2n
export const END_OFFSET = -1n

export interface StartPlan {
  /** Partitions whose offset is known, by number. */
  readonly offsets: ReadonlyMap<number, number>
  /** The others: what to ask ListOffsets for, `FIRST_OFFSET`, `END_OFFSET` or a time in ms. */
  readonly asked: ReadonlyMap<number, bigint>
}

/** Where each of `count` partitions begins: `from` of the state first, then the configuration. Throws `PartitionMissingError`. */
export function planStart(config: KafkaSourceConfig, from: Positions, count: number): StartPlan {
  const { topic, start } = config
  const known = new Map<number, number>()
  for (const [name, position] of ownPositions(topic, from))
    known.set(partitionIndex(name), parsePosition(position).offset)
  const isResumed = known.size > 0
  const chosen = typeof start === 'object' && 'offsets' in start ? Object.entries(start.offsets) : []
  for (const [index, offset] of chosen) if (!known.has(Number(index))) known.set(Number(index), offset)
  const missing = [...known.keys()].find((index) => index >= count)
  if (missing !== undefined) throw new PartitionMissingError({ topic, partition: String(missing), count })
  const asked = new Map<number, bigint>()
  for (let index = 0; index < count; index++) {
    if (!known.has(index)) asked.set(index, isResumed ? FIRST_OFFSET : offsetSpec(start))
  }
  return { offsets: known, asked }
}

/** The positions that belong to this topic: a pipeline whose topic was changed may bring others. */
export function ownPositions(topic: string, from: Positions) {
  return [...from].filter(([name]) => name.startsWith(`${topic}/`))
}

// A partition that a running pipeline has no position for was added since: from its first record, or some would be lost.
function offsetSpec(start: KafkaSourceConfig['start']): bigint {
  if (start === 'latest') return END_OFFSET
  if (typeof start === 'object' && 'timestamp' in start) return BigInt(Date.parse(start.timestamp))
  return FIRST_OFFSET
}
