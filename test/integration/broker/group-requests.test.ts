import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  deleteGroups,
  describeGroups,
  ERROR,
  heartbeat,
  joinGroup,
  leaveGroup,
  listGroups,
  metadata,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  syncGroup,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

let dataDir: string
let broker: BrokerProcess
let client: RawClient
const others: RawClient[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-group-requests-'))
  broker = await BrokerProcess.start(dataDir)
  client = await RawClient.connect(broker.address)
})

afterEach(async () => {
  for (const other of [client, ...others.splice(0)]) other.close()
  await broker.end('SIGKILL')
  await rm(dataDir, { recursive: true })
})

/** A connection of its own: a request that waits holds up those behind it. */
async function anotherClient(): Promise<RawClient> {
  const other = await RawClient.connect(broker.address)
  others.push(other)
  return other
}

const METADATA = Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0xff, 0xff, 0xff, 0xff])

async function join(from: RawClient, version: number, memberId = '', groupInstanceId: string | null = null) {
  return from.ask(joinGroup, version, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    ...(version >= 5 && { groupInstanceId }),
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: METADATA }],
  })
}

async function sync(
  from: RawClient,
  joined: { memberId: string; generationId: number },
  groupInstanceId: string | null,
  assignments: readonly string[] = [],
) {
  return from.ask(syncGroup, 5, {
    groupId: 'g',
    memberId: joined.memberId,
    generationId: joined.generationId,
    groupInstanceId,
    assignments: assignments.map((memberId) => ({ memberId, assignment: Buffer.from(`for ${memberId}`) })),
  })
}

const commit = (topic: string, group = 'g') =>
  client.ask(offsetCommit, 4, {
    groupId: group,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: 'm' }] }],
  })

test('member ids are asked for from version 4 on', async () => {
  const first = await join(client, 4)
  expect(first).toMatchObject({ errorCode: ERROR.MEMBER_ID_REQUIRED, memberId: expect.stringMatching(/^raw-/) })
  expect(await join(client, 4, first.memberId)).toMatchObject({ errorCode: ERROR.NONE, generationId: 1 })
  await client.ask(leaveGroup, 0, { groupId: 'g', memberId: first.memberId })
  expect(await join(client, 3)).toMatchObject({ errorCode: ERROR.NONE })
  expect(await join(client, 9, 'nobody')).toMatchObject({ errorCode: ERROR.UNKNOWN_MEMBER_ID })
})

test('a static member keeps its assignment over the death of the broker, and an administrator can take it out', async () => {
  const second = await anotherClient()
  const one = await join(client, 9, '', 'one')
  await sync(client, one, 'one', [one.memberId])
  const twoJoins = join(second, 9, '', 'two')
  await expect
    .poll(async () => (await client.ask(heartbeat, 4, { groupId: 'g', ...one, groupInstanceId: 'one' })).errorCode)
    .toBe(ERROR.REBALANCE_IN_PROGRESS)
  const leader = await join(client, 9, one.memberId, 'one')
  const two = await twoJoins
  const twoSyncs = sync(second, two, 'two')
  await sync(client, leader, 'one', [one.memberId, two.memberId])
  expect((await twoSyncs).assignment.toString()).toBe(`for ${two.memberId}`)

  client.close()
  await broker.end('SIGKILL')
  broker = await BrokerProcess.start(dataDir)
  client = await RawClient.connect(broker.address)
  expect((await client.ask(heartbeat, 4, { groupId: 'g', ...leader, groupInstanceId: 'one' })).errorCode).toBe(
    ERROR.NONE,
  )
  const again = await join(client, 9, '', 'two')
  expect(again).toMatchObject({ errorCode: ERROR.NONE, generationId: 2, leader: one.memberId })
  expect((await sync(client, again, 'two')).assignment.toString()).toBe(`for ${two.memberId}`)
  expect(await sync(client, two, 'two')).toMatchObject({ errorCode: ERROR.FENCED_INSTANCE_ID })

  const gone = await client.ask(leaveGroup, 5, {
    groupId: 'g',
    members: [
      { memberId: '', groupInstanceId: 'one' },
      { memberId: '', groupInstanceId: 'three' },
      { memberId: two.memberId, groupInstanceId: 'two' },
      { memberId: again.memberId, groupInstanceId: 'two' },
    ],
  })
  expect(gone.errorCode).toBe(ERROR.NONE)
  expect(gone.members.map(({ errorCode }) => errorCode)).toEqual([
    ERROR.NONE,
    ERROR.UNKNOWN_MEMBER_ID,
    ERROR.FENCED_INSTANCE_ID,
    ERROR.NONE,
  ])
  const { groups } = await client.ask(describeGroups, 4, { groups: ['g', 'none'] })
  expect(groups).toMatchObject([
    { groupState: 'Empty', protocolType: 'consumer', members: [] },
    { groupState: 'Dead', errorCode: ERROR.NONE },
  ])
})

test('offsets of all topics and of several groups; offsets and groups are deleted', async () => {
  await client.ask(metadata, 4, {
    topics: ['t', 'u'].map((name) => ({ name, topicId: ZERO_UUID })),
    allowAutoTopicCreation: true,
  })
  for (const topic of ['t', 'u']) await commit(topic)
  await commit('t', 'h')
  const fetched = await client.ask(offsetFetch, 8, {
    groups: [
      { groupId: 'g', topics: null },
      { groupId: 'h', topics: [{ name: 'u', partitionIndexes: [0] }] },
      { groupId: 'none', topics: null },
    ],
  })
  expect(fetched.groups).toMatchObject([
    { groupId: 'g', topics: [{ name: 't' }, { name: 'u', partitions: [{ committedOffset: 3, metadata: 'm' }] }] },
    { groupId: 'h', topics: [{ partitions: [{ committedOffset: -1, errorCode: ERROR.NONE }] }] },
    { groupId: 'none', errorCode: ERROR.NONE, topics: [] },
  ])
  const one = await join(client, 3)
  await sync(client, one, null, [one.memberId])
  const topics = ['t', 'u', 'v'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }))
  const deleted = await client.ask(offsetDelete, 0, { groupId: 'g', topics })
  expect(deleted.topics.map(({ name, partitions }) => [name, partitions[0]?.errorCode])).toEqual([
    ['t', ERROR.GROUP_SUBSCRIBED_TO_TOPIC],
    ['u', ERROR.NONE],
    ['v', ERROR.UNKNOWN_TOPIC_OR_PARTITION],
  ])
  expect(await client.ask(offsetDelete, 0, { groupId: 'none', topics })).toMatchObject({
    errorCode: ERROR.GROUP_ID_NOT_FOUND,
  })
  const { results } = await client.ask(deleteGroups, 2, { groupsNames: ['g', 'h', 'none'] })
  expect(results.map(({ errorCode }) => errorCode)).toEqual([
    ERROR.NON_EMPTY_GROUP,
    ERROR.NONE,
    ERROR.GROUP_ID_NOT_FOUND,
  ])
  const all = await client.ask(listGroups, 4, { statesFilter: ['Stable', 'Empty'] })
  expect(all.groups).toEqual([{ groupId: 'g', protocolType: 'consumer', groupState: 'Stable', groupType: '' }])
})
