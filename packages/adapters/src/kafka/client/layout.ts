import type { BrokerAddress } from './sockets.ts'

/** One partition, and where it is read from. */
export interface PartitionPlace {
  /** `trades/3`: how the engine knows it. */
  readonly name: string
  readonly topic: string
  /** Undefined from brokers that give topics no ids (before Kafka 2.8). */
  readonly topicId: string | undefined
  readonly index: number
  /** Undefined while it has none. */
  readonly leader: BrokerAddress | undefined
  /** −1 from brokers that tell none (before Kafka 2.1). */
  readonly leaderEpoch: number
}

/** The partitions of one topic, by number from 0. */
export interface TopicLayout {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partitions: readonly PartitionPlace[]
}

/** Topics by their name. */
export type Layout = ReadonlyMap<string, TopicLayout>

/** All partitions of a layout: topics by name, partitions by number. */
export function partitionsOf(layout: Layout): readonly PartitionPlace[] {
  return [...layout.values()].toSorted((a, b) => (a.topic < b.topic ? -1 : 1)).flatMap(({ partitions }) => partitions)
}

/** What a second look at the cluster shows. */
export interface LayoutChange {
  /** Topics, and partitions of known topics, that were not there before. */
  readonly added: readonly PartitionPlace[]
  readonly deleted: readonly TopicLayout[]
  /** Topics that were deleted and made again under their name. */
  readonly recreated: readonly { readonly before: TopicLayout; readonly now: TopicLayout }[]
}

export function layoutChange(before: Layout, now: Layout): LayoutChange {
  const deleted = [...before.values()].filter(({ topic }) => !now.has(topic))
  const recreated: { before: TopicLayout; now: TopicLayout }[] = []
  const added: PartitionPlace[] = []
  for (const found of now.values()) {
    const known = before.get(found.topic)
    if (known === undefined) added.push(...found.partitions)
    else if (isAnother(known.topicId, found.topicId)) recreated.push({ before: known, now: found })
    else added.push(...found.partitions.slice(known.partitions.length))
  }
  return { added, deleted, recreated }
}

/** Whether two ids are of different topics; where one is not known, nothing can be said. */
export function isAnother(expected: string | undefined, found: string | undefined): boolean {
  return expected !== undefined && found !== undefined && expected !== found
}

/** For messages: one partition by its name, more by how many. */
export function describePlaces(places: readonly PartitionPlace[]): string {
  const [only] = places
  return places.length === 1 && only !== undefined ? only.name : `${places.length} partitions`
}
