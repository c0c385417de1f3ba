import { assertNoError, ProtocolError } from '@headrace/adapters/kafka'
import {
  type Decoded,
  deleteGroups,
  type Encodable,
  listGroups,
  offsetCommit,
  offsetFetch,
} from '@headrace/broker/protocol'
import type { KafkaCluster } from '../cluster.ts'
import { GroupActiveError } from '../errors.ts'
import { describeGroup, unknownGroup } from './describe-group.ts'
import { refusal } from './refusal.ts'

const UNKNOWN_MEMBER_ID = 25
const NON_EMPTY_GROUP = 68
export const GROUP_ID_NOT_FOUND = 69

/** The first version of OffsetFetch that takes several groups, in another field. */
const FIRST_BATCHED_FETCH = 8

export interface GroupSummary {
  readonly group: string
  /** `classic` or `consumer` (KIP-848); null from brokers before 3.7. */
  readonly type: string | null
  readonly state: string | null
  readonly protocol: string
}

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

/** All groups by name: each broker tells of those that it coordinates. */
export async function listAllGroups(cluster: KafkaCluster): Promise<GroupSummary[]> {
  const answers = await Promise.all(
    cluster.nodeIds.map((node) =>
      cluster.request(listGroups, {}, { node }, 'list groups', ({ errorCode }) => assertNoError(errorCode)),
    ),
  )
  const summaries = answers
    .flatMap(({ groups }) => groups)
    .map(({ groupId, groupType, groupState, protocolType }) => ({
      group: groupId,
      type: groupType === '' ? null : groupType,
      state: groupState === '' ? null : groupState,
      protocol: protocolType,
    }))
  return summaries.sort((a, b) => (a.group < b.group ? -1 : 1))
}

/** All offsets that a group has committed, by topic and partition. */
export async function committedOffsets(cluster: KafkaCluster, group: string): Promise<CommittedOffset[]> {
  const isBatched = cluster.version(offsetFetch) >= FIRST_BATCHED_FETCH
  const body: Encodable<typeof offsetFetch.request> = isBatched
    ? { groups: [{ groupId: group, topics: null }] }
    : { groupId: group, topics: null }
  const own = (answer: Decoded<typeof offsetFetch.response>) => (isBatched ? answer.groups[0] : answer)
  const operation = `read the offsets of group "${group}"`
  const answer = await cluster.request(offsetFetch, body, { group }, operation, (all) =>
    assertFound(own(all)?.errorCode ?? 0),
  )
  const offsets = (own(answer)?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions
      .filter(({ committedOffset }) => committedOffset >= 0)
      .map(({ partitionIndex, committedOffset, metadata }) => ({
        topic: name,
        partition: partitionIndex,
        offset: committedOffset,
        metadata: metadata ?? '',
      })),
  )
  return offsets.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

/** Commits offsets for a group that has no members. Throws GROUP_ACTIVE where it has. */
export async function commitOffsets(
  cluster: KafkaCluster,
  group: string,
  offsets: readonly Pick<CommittedOffset, 'topic' | 'partition' | 'offset'>[],
): Promise<void> {
  const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, own]) => ({
    name,
    partitions: own.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedMetadata: '',
    })),
  }))
  const operation = `commit offsets of group "${group}"`
  const answer = await cluster.request(offsetCommit, { groupId: group, topics }, { group }, operation, (all) => {
    for (const { errorCode } of all.topics.flatMap(({ partitions }) => partitions)) assertPassing(errorCode)
  })
  for (const { errorCode } of answer.topics.flatMap(({ partitions }) => partitions)) {
    // Kafka's way of saying that only a member may commit: there are members.
    if (errorCode === UNKNOWN_MEMBER_ID) throw await activeGroup(cluster, group, 'its offsets cannot be moved')
    if (errorCode !== 0) throw refusal({ errorCode }, operation)
  }
}

/** Deletes a group with its offsets. Throws GROUP_ACTIVE, GROUP_UNKNOWN. */
export async function deleteGroup(cluster: KafkaCluster, group: string): Promise<void> {
  const operation = `delete group "${group}"`
  const answer = await cluster.request(deleteGroups, { groupsNames: [group] }, { group }, operation, ({ results }) =>
    assertPassing(results[0]?.errorCode ?? 0),
  )
  const errorCode = answer.results[0]?.errorCode ?? 0
  if (errorCode === NON_EMPTY_GROUP) throw await activeGroup(cluster, group, 'it cannot be deleted')
  if (errorCode === GROUP_ID_NOT_FOUND) throw await unknownGroup(cluster, group)
  if (errorCode !== 0) throw refusal({ errorCode }, operation)
}

async function activeGroup(cluster: KafkaCluster, group: string, operation: string): Promise<GroupActiveError> {
  const { members } = await describeGroup(cluster, group)
  return new GroupActiveError({ group, operation, members: members.length })
}

/** A group that is not there is the caller's to tell. */
export function assertFound(errorCode: number): void {
  if (errorCode !== GROUP_ID_NOT_FOUND) assertNoError(errorCode)
}

/** Throws where the same request may succeed a moment later. */
function assertPassing(errorCode: number): void {
  if (errorCode === 0) return
  const error = new ProtocolError(errorCode)
  if (error.canRetry) throw error
}
