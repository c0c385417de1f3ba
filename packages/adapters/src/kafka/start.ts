import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { Positions } from '@headrace/core'
import type { KafkaSourceConfig } from './config.ts'
import { PartitionMissingError } from './errors.ts'
import { parsePosition, partitionIndex } from './position.ts'

interface StartPlan {
  /** Partitions whose offset is known, by number. */
  readonly offsets: ReadonlyMap<number, number>
  /** The others: what to ask ListOffsets for, a value of `OFFSET_SPEC` or a time in ms. */
  readonly asked: ReadonlyMap<number, number>
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
  const asked = new Map<number, number>()
  for (let index = 0; index < count; index++) {
    if (!known.has(index)) asked.set(index, isResumed ? OFFSET_SPEC.earliest : offsetSpec(start))
  }
  return { offsets: known, asked }
}

/** The positions that belong to this topic: a pipeline whose topic was changed may bring others. */
export function ownPositions(topic: string, from: Positions) {
  return [...from].filter(([name]) => name.startsWith(`${topic}/`))
}

// A partition that a running pipeline has no position for was added since: from its first record, or some would be lost.
function offsetSpec(start: KafkaSourceConfig['start']): number {
  if (start === 'latest') return OFFSET_SPEC.latest
  if (typeof start === 'object' && 'timestamp' in start) return Date.parse(start.timestamp)
  return OFFSET_SPEC.earliest
}
