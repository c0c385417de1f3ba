import { listOffsets, offsetCommit, offsetForLeaderEpoch } from '@headrace/broker/protocol'
import type { KafkaClient } from './client.ts'
import type { PartitionPlace } from './layout.ts'
import { partitionName } from './position.ts'
import { assertNoError } from './protocol-errors.ts'
import type { BrokerAddress } from './sockets.ts'

/** An offset, and the epoch of the leader under which the record there, or before it, was written (−1: not known). */
export interface EpochOffset {
  readonly offset: number
  readonly leaderEpoch: number
}

/**
 * By partition: the first offset at or after that time (ms), −1 for none; instead of a time, a value of `OFFSET_SPEC`.
 * Errors are translated.
 */
export async function listOffsetsOf(
  client: KafkaClient,
  asked: ReadonlyMap<PartitionPlace, number>,
  isolationLevel: 0 | 1,
): Promise<Map<PartitionPlace, EpochOffset>> {
  const answers = await client.translated(`list the offsets of ${some([...asked.keys()])}`, () =>
    atLeaders([...asked.keys()], async (leader, places) => {
      const topics = byTopic(places).map(([name, own]) => ({
        name,
        partitions: own.map((place) => ({
          partitionIndex: place.index,
          currentLeaderEpoch: place.leaderEpoch,
          timestamp: asked.get(place) as number,
        })),
      }))
      const answer = await client.request(leader, listOffsets, { isolationLevel, topics })
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((one) => [partitionName(name, one.partitionIndex), one] as const),
      )
    }),
  )
  return new Map([...answers].map(([place, { offset, leaderEpoch }]) => [place, { offset, leaderEpoch }]))
}

/**
 * By partition: where the records end that were written under that leader epoch or earlier ones, as its leader's log has it
 * now, and the epoch of the last of them; −1 where it knows neither. Errors are translated.
 */
export async function endsOfEpochs(
  client: KafkaClient,
  asked: ReadonlyMap<PartitionPlace, number>,
): Promise<Map<PartitionPlace, EpochOffset>> {
  const answers = await client.translated(`say where epochs of ${some([...asked.keys()])} end`, () =>
    atLeaders([...asked.keys()], async (leader, places) => {
      const topics = byTopic(places).map(([topic, own]) => ({
        topic,
        partitions: own.map((place) => ({
          partition: place.index,
          currentLeaderEpoch: place.leaderEpoch,
          leaderEpoch: asked.get(place) as number,
        })),
      }))
      const answer = await client.request(leader, offsetForLeaderEpoch, { replicaId: -1, topics })
      return answer.topics.flatMap(({ topic, partitions }) =>
        partitions.map((one) => [partitionName(topic, one.partition), one] as const),
      )
    }),
  )
  return new Map([...answers].map(([place, { endOffset, leaderEpoch }]) => [place, { offset: endOffset, leaderEpoch }]))
}

export interface CommittedOffset {
  readonly topic: string
  readonly index: number
  readonly offset: number
  readonly leaderEpoch: number
}

/** Commits a group's offsets. Errors are translated. */
export async function commitOffsets(
  client: KafkaClient,
  groupId: string,
  offsets: readonly CommittedOffset[],
): Promise<void> {
  await client.translated(`commit offsets of group "${groupId}"`, async () => {
    const topics = byTopic(offsets).map(([name, own]) => ({
      name,
      partitions: own.map(({ index, offset, leaderEpoch }) => ({
        partitionIndex: index,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        committedMetadata: null,
      })),
    }))
    const answer = await client.request(await client.coordinator(groupId), offsetCommit, { groupId, topics })
    for (const { errorCode } of answer.topics.flatMap(({ partitions }) => partitions)) assertNoError(errorCode)
  })
}

/** Asks every leader for its own partitions, all at once, and puts the answers (by the partition's name) together. */
async function atLeaders<T extends { readonly errorCode: number }>(
  places: readonly PartitionPlace[],
  ask: (leader: BrokerAddress, places: readonly PartitionPlace[]) => Promise<readonly (readonly [string, T])[]>,
): Promise<Map<PartitionPlace, T>> {
  const byLeader = Map.groupBy(places, ({ leader }) => `${leader.host}:${leader.port}`)
  const asking = [...byLeader.values()].map((own) => ask((own[0] as PartitionPlace).leader, own))
  const answers = new Map((await Promise.all(asking)).flat())
  const answered = places.flatMap((place) => {
    const answer = answers.get(place.name)
    return answer === undefined ? [] : [[place, answer] as const]
  })
  for (const [, { errorCode }] of answered) assertNoError(errorCode)
  return new Map(answered)
}

function byTopic<T extends { readonly topic: string }>(items: readonly T[]): [string, T[]][] {
  return [...Map.groupBy(items, ({ topic }) => topic)]
}

/** For messages: one partition by its name, more by how many. */
function some(places: readonly PartitionPlace[]): string {
  return places.length === 1 ? (places[0] as PartitionPlace).name : `${places.length} partitions`
}
