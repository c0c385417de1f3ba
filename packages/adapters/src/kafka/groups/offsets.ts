import { setTimeout as sleep } from 'node:timers/promises'
import { listOffsets, offsetCommit, offsetFetch, offsetForLeaderEpoch } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import { describePlaces, type PartitionPlace } from '../client/layout.ts'
import {
  assertNoError,
  codeOf,
  isAnotherLeader,
  isUnknownTopic,
  LEADER_NOT_AVAILABLE,
  ProtocolError,
} from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { partitionName } from '../position.ts'

/** How often, and for how long in all, a partition that is new is asked for again (ms). */
const NEW_PARTITION = { everyMs: 50, patienceMs: 3_000 }

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
  const answers = await client.translated(`list the offsets of ${describePlaces([...asked.keys()])}`, () =>
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
  const answers = await client.translated(`say where epochs of ${describePlaces([...asked.keys()])} end`, () =>
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

/** Asks again while a partition that was made a moment ago has no leader that knows of it. */
export async function onceLed<T>(ask: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += NEW_PARTITION.everyMs) {
    try {
      return await ask()
    } catch (error) {
      const code = codeOf(error)
      if (waitedMs >= NEW_PARTITION.patienceMs || !(isAnotherLeader(code) || isUnknownTopic(code))) throw error
      await sleep(NEW_PARTITION.everyMs)
    }
  }
}

export interface CommittedOffset {
  readonly topic: string
  readonly index: number
  readonly offset: number
  readonly leaderEpoch: number
  /** What the one who committed says of it. */
  readonly metadata: string | null
}

/** Who commits: a member of the group as it stands in a generation (an epoch, in the newer protocol); none for an outsider. */
export interface Committer {
  readonly memberId: string
  readonly generation: number
}

/** Commits a group's offsets. Errors are translated. */
export async function commitOffsets(
  client: KafkaClient,
  groupId: string,
  offsets: readonly CommittedOffset[],
  committer?: Committer,
): Promise<void> {
  if (offsets.length === 0) return
  await client.translated(`commit offsets of group "${groupId}"`, async () => {
    const topics = byTopic(offsets).map(([name, own]) => ({
      name,
      partitions: own.map(({ index, offset, leaderEpoch, metadata }) => ({
        partitionIndex: index,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        committedMetadata: metadata,
      })),
    }))
    const member = committer && { memberId: committer.memberId, generationIdOrMemberEpoch: committer.generation }
    const answer = await client.request(await client.coordinator(groupId), offsetCommit, { groupId, ...member, topics })
    for (const { errorCode } of answer.topics.flatMap(({ partitions }) => partitions)) assertNoError(errorCode)
  })
}

/**
 * The offsets that a group has for these partitions; left out where it has none. Not before a transaction that is about to
 * commit one has ended. A member of a group of the newer protocol has to say who it is. Errors are translated.
 */
export async function fetchOffsets(
  client: KafkaClient,
  groupId: string,
  places: readonly PartitionPlace[],
  committer?: Committer,
): Promise<Map<PartitionPlace, CommittedOffset>> {
  const topics = byTopic(places).map(([name, own]) => ({ name, partitionIndexes: own.map(({ index }) => index) }))
  const member = committer && { memberId: committer.memberId, memberEpoch: committer.generation }
  const found = await client.translated(`fetch offsets of group "${groupId}"`, async () => {
    const body = { groupId, topics, groups: [{ groupId, ...member, topics }], requireStable: true }
    const answer = await client.request(await client.coordinator(groupId), offsetFetch, body)
    const [group] = answer.groups
    assertNoError(group?.errorCode ?? answer.errorCode)
    const offsets = (group?.topics ?? answer.topics).flatMap(({ name, partitions }) =>
      partitions.map((one) => ({ ...one, name: partitionName(name, one.partitionIndex) })),
    )
    for (const { errorCode } of offsets) assertNoError(errorCode)
    return offsets
  })
  const byName = new Map(places.map((place) => [place.name, place]))
  const committed = new Map<PartitionPlace, CommittedOffset>()
  for (const { name, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata } of found) {
    const place = byName.get(name)
    if (place === undefined || offset < 0) continue
    committed.set(place, { topic: place.topic, index: place.index, offset, leaderEpoch, metadata })
  }
  return committed
}

/** Asks every leader for its own partitions, all at once, and puts the answers (by the partition's name) together. */
async function atLeaders<T extends { readonly errorCode: number }>(
  places: readonly PartitionPlace[],
  ask: (leader: BrokerAddress, places: readonly PartitionPlace[]) => Promise<readonly (readonly [string, T])[]>,
): Promise<Map<PartitionPlace, T>> {
  const byLeader = Map.groupBy(places, ({ leader }) => leader && `${leader.host}:${leader.port}`)
  const asking = [...byLeader.values()].map((own) => {
    const leader = own[0]?.leader
    if (leader === undefined) throw new ProtocolError(LEADER_NOT_AVAILABLE)
    return ask(leader, own)
  })
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
