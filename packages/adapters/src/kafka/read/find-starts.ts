import { OFFSET_SPEC } from '@headrace/broker/protocol'
import type { Positions } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import type { Layout, PartitionPlace } from '../client/layout.ts'
import type { KafkaSourceConfig } from '../config.ts'
import { type EpochOffset, endsOfEpochs, listOffsetsOf } from '../groups/offsets.ts'
import type { KafkaPosition } from '../position.ts'
import { planTruncated, type Reset } from './offset-reset.ts'
import { cursorAt, type PartitionCursor } from './partition-cursor.ts'
import { planStart } from './start.ts'

/** Who is asked, and what the configuration says of beginnings. */
export interface StartContext {
  readonly client: KafkaClient
  readonly config: KafkaSourceConfig
  readonly readCommitted: boolean
}

export interface FoundStarts {
  readonly cursors: readonly PartitionCursor[]
  /** Those that were set back, or forward. */
  readonly resets: ReadonlyMap<PartitionPlace, Reset>
}

/** Where these partitions are to be read from. Errors are translated. */
export async function findStarts(
  context: StartContext,
  positions: Positions,
  layout: Layout,
  isWanted: (place: PartitionPlace) => boolean,
): Promise<FoundStarts> {
  const { offsets, asked } = planStart(context.config, positions, layout)
  const wanted = <T>(map: ReadonlyMap<PartitionPlace, T>) => new Map([...map].filter(([place]) => isWanted(place)))
  const { kept, resets } = await withoutTruncated(context, wanted(offsets))
  const listed = await listStarts(context, wanted(asked))
  const cursors = [...kept, ...listed].map(([place, { offset, leaderEpoch }]) => cursorAt(place, offset, leaderEpoch))
  return { cursors, resets }
}

/** The known offsets, those of truncated logs set back to where the logs part. Errors are translated. */
export async function withoutTruncated(
  { client, config }: StartContext,
  offsets: ReadonlyMap<PartitionPlace, KafkaPosition>,
) {
  const kept = new Map<PartitionPlace, EpochOffset>()
  const resets = new Map<PartitionPlace, Reset>()
  const epochs = [...offsets].flatMap(([place, { leaderEpoch }]) =>
    leaderEpoch === undefined || place.leaderEpoch < 0 ? [] : [[place, leaderEpoch] as const],
  )
  const ends = await endsOfEpochs(client, new Map(epochs))
  for (const [place, position] of offsets) {
    const end = ends.get(place)
    const reset = end && planTruncated(config.offsetReset, place.name, position, end)
    if (reset !== undefined) resets.set(place, reset)
    const { offset, leaderEpoch = -1 } = position
    kept.set(place, reset === undefined ? { offset, leaderEpoch } : { offset: reset.offset, leaderEpoch: -1 })
  }
  return { kept, resets }
}

/** Offsets from the brokers; a time after the last record means the end. No record comes before them: no epoch yet. */
export async function listStarts(
  { client, readCommitted }: StartContext,
  asked: ReadonlyMap<PartitionPlace, number>,
): Promise<readonly (readonly [PartitionPlace, EpochOffset])[]> {
  const list = (wanted: ReadonlyMap<PartitionPlace, number>) => listOffsetsOf(client, wanted, readCommitted ? 1 : 0)
  const listed = await list(asked)
  const behindTheEnd = [...listed].filter(([, { offset }]) => offset < 0)
  const ends = await list(new Map(behindTheEnd.map(([place]) => [place, OFFSET_SPEC.latest])))
  return [...listed, ...ends]
    .filter(([, { offset }]) => offset >= 0)
    .map(([place, { offset }]) => [place, { offset, leaderEpoch: -1 }] as const)
}
