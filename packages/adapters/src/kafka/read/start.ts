import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { Positions } from '@headrace/core'
import { isAnother, type Layout, type PartitionPlace, partitionsOf } from '../client/layout.ts'
import type { KafkaSourceConfig } from '../config.ts'
import { PartitionMissingError, TopicRecreatedError } from '../errors.ts'
import { type KafkaPosition, parsePartitionName, parsePosition } from '../position.ts'

interface StartPlan {
  /** Partitions whose offset is known. */
  readonly offsets: ReadonlyMap<PartitionPlace, KafkaPosition>
  /** The others: what to ask ListOffsets for, a value of `OFFSET_SPEC` or a time in ms. */
  readonly asked: ReadonlyMap<PartitionPlace, number>
}

/**
 * Where each partition begins: `from` of the state first, then the configuration. Throws `TopicRecreatedError` and
 * `PartitionMissingError`. Positions of topics that are not in the layout do not count.
 */
export function planStart(
  config: Pick<KafkaSourceConfig, 'start' | 'topics'>,
  from: Positions,
  layout: Layout,
): StartPlan {
  const { known, recreated } = knownPositions(from, layout, config.topics !== undefined)
  const chosen = chosenOffsets(config.start, layout)
  const resumedTopics = new Set([...recreated, ...[...known.keys()].map(({ topic }) => topic)])
  const offsets = new Map<PartitionPlace, KafkaPosition>()
  const asked = new Map<PartitionPlace, number>()
  for (const place of partitionsOf(layout)) {
    const offset = recreated.has(place.topic) ? undefined : chosen.get(place)
    const position = known.get(place) ?? (offset === undefined ? undefined : { offset })
    if (position !== undefined) offsets.set(place, position)
    // What a running pipeline has no position for was added since: from its first record, or some would be lost. A topic
    // that the file names for the first time begins as the file says; one that has come to match a pattern was added.
    else if (resumedTopics.has(place.topic) || (config.topics !== undefined && resumedTopics.size > 0)) {
      asked.set(place, OFFSET_SPEC.earliest)
    } else asked.set(place, offsetSpec(config.start))
  }
  return { offsets, asked }
}

/** The topics of the state that a pattern finds no more, and those that were made again. */
export function topicsGone(
  from: Positions,
  layout: Layout,
  matches: (topic: string) => boolean,
): { readonly gone: readonly string[]; readonly recreated: readonly string[] } {
  const topics = new Set([...from.keys()].flatMap((name) => parsePartitionName(name)?.topic ?? []))
  const gone = [...topics].filter((topic) => matches(topic) && !layout.has(topic))
  return { gone, recreated: [...knownPositions(from, layout, true).recreated] }
}

/** What is known of the layout's partitions. A topic made again: `mayBeNew` of those that a pattern finds. */
function knownPositions(from: Positions, layout: Layout, mayBeNew: boolean) {
  const known = new Map<PartitionPlace, KafkaPosition>()
  const recreated = new Set<string>()
  for (const [name, stored] of from) {
    const { topic = '', index = 0 } = parsePartitionName(name) ?? {}
    const found = layout.get(topic)
    if (found === undefined) continue
    const position = parsePosition(stored)
    const { topicId: expected } = position
    if (expected !== undefined && found.topicId !== undefined && isAnother(expected, found.topicId)) {
      if (!mayBeNew) throw new TopicRecreatedError({ topic, expected, found: found.topicId })
      recreated.add(topic)
    } else known.set(placeOf(layout, topic, index), position)
  }
  return { known, recreated }
}

function chosenOffsets(start: KafkaSourceConfig['start'], layout: Layout): ReadonlyMap<PartitionPlace, number> {
  const chosen = typeof start === 'object' && 'offsets' in start ? Object.entries(start.offsets) : []
  return new Map(
    chosen.map(([name, offset]) => {
      // A number alone stands for a partition of the only topic.
      const { topic, index } = parsePartitionName(name) ?? { topic: [...layout.keys()][0] ?? '', index: Number(name) }
      return [placeOf(layout, topic, index), offset]
    }),
  )
}

function placeOf(layout: Layout, topic: string, index: number): PartitionPlace {
  const partitions = layout.get(topic)?.partitions ?? []
  const place = partitions[index]
  if (place === undefined) {
    throw new PartitionMissingError({ topic, partition: String(index), count: partitions.length })
  }
  return place
}

function offsetSpec(start: KafkaSourceConfig['start']): number {
  if (start === 'latest') return OFFSET_SPEC.latest
  if (typeof start === 'object' && 'timestamp' in start) return Date.parse(start.timestamp)
  return OFFSET_SPEC.earliest
}
