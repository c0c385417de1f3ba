import { beforeEach, describe, expect, test } from 'vitest'
import { beating, joining, TestTopics } from '../fixtures/heartbeats.ts'
import { VirtualTimers } from '../fixtures/virtual-timers.ts'
import { DEFAULT_GROUP_SETTINGS } from '../group-settings.ts'
import { ConsumerGroup, type HeartbeatAnswer } from './consumer-group.ts'
import type { ConsumerGroupState } from './group-state.ts'
import { LEFT, LEFT_TO_REJOIN } from './member.ts'
import { byTopic, NO_PARTITIONS, type PartitionSet, partitionSetOf } from './partition-set.ts'
import { changeBetween, withChange } from './stored-group.ts'

const SESSION_MS = DEFAULT_GROUP_SETTINGS.consumerSessionTimeoutMs
const REBALANCE_MS = 60_000

let timers: VirtualTimers
let topics: TestTopics
let group: ConsumerGroup
let t: string
/** What a restart would find, by way of the bytes that are written. */
let stored: ConsumerGroupState | undefined
let writeFailure: Error | undefined

beforeEach(() => {
  timers = new VirtualTimers()
  topics = new TestTopics()
  t = topics.set('t', 4)
  stored = undefined
  writeFailure = undefined
  group = newGroup()
})

function newGroup(state?: ConsumerGroupState): ConsumerGroup {
  return new ConsumerGroup(
    'g',
    {
      timers,
      settings: { ...DEFAULT_GROUP_SETTINGS, consumerMaxSize: 3 },
      subscriptions: topics.subscriptions,
      write: async (before, after) => {
        if (writeFailure !== undefined) throw writeFailure
        if (before !== after) stored = withChange(stored, JSON.parse(JSON.stringify(changeBetween('g', before, after))))
      },
      onError: (error) => {
        throw error
      },
    },
    state,
  )
}

const partitions = (...indexes: number[]) => partitionSetOf([{ topicId: t, partitions: indexes }])
const indexes = (set: PartitionSet | null) => set && byTopic(set).flatMap((topic) => topic.partitions)
const told = ({ memberEpoch, assignment }: HeartbeatAnswer) => [memberEpoch, indexes(assignment)]
const join = (id: string, rest: Parameters<typeof joining>[2] = {}) => group.heartbeat(joining(id, ['t'], rest))
const beat = (id: string, epoch: number, owned: PartitionSet | null = null) =>
  group.heartbeat(beating(id, epoch, owned))
const refused = (name: string) => expect.objectContaining({ name })

/** Two members, each with two partitions, in epoch 2. */
async function pair(): Promise<void> {
  await join('m1')
  await join('m2')
  await beat('m1', 1, partitions(0, 1, 2, 3))
  await beat('m1', 1, partitions(0, 1))
  await beat('m2', 2, NO_PARTITIONS)
  expect(group.state).toBe('Stable')
}

describe('assigning', () => {
  test('one member has all partitions', async () => {
    expect(told(await join('m1'))).toEqual([1, [0, 1, 2, 3]])
    expect(told(await beat('m1', 1, partitions(0, 1, 2, 3)))).toEqual([1, null])
    expect(group.state).toBe('Stable')
  })

  test('a second member gets its part when the first has given it up, not before', async () => {
    await join('m1')
    expect(told(await join('m2'))).toEqual([2, []])
    expect(group.state).toBe('Reconciling')
    expect(told(await beat('m1', 1, partitions(0, 1, 2, 3)))).toEqual([1, [0, 1]])
    expect(told(await beat('m2', 2, NO_PARTITIONS))).toEqual([2, null])
    expect(told(await beat('m1', 1, null))).toEqual([1, null])
    expect(told(await beat('m1', 1, partitions(0, 1)))).toEqual([2, null])
    expect(told(await beat('m2', 2, NO_PARTITIONS))).toEqual([2, [2, 3]])
    expect(group.state).toBe('Stable')
  })

  test('when one leaves the other takes its part', async () => {
    await pair()
    await group.leave({ memberId: 'm2', memberEpoch: LEFT, instanceId: null })
    expect(group.state).toBe('Assigning')
    expect(told(await beat('m1', 2))).toEqual([3, [0, 1, 2, 3]])
  })

  test('a topic that grows, appears or goes away', async () => {
    await join('m1', { subscribedTopicNames: ['t', 'later'] })
    topics.set('t', 5)
    expect(told(await beat('m1', 1))).toEqual([2, [0, 1, 2, 3, 4]])
    const later = topics.set('later', 1)
    const { assignment } = await beat('m1', 2)
    expect(
      byTopic(assignment ?? NO_PARTITIONS)
        .map(({ topicId }) => topicId)
        .sort(),
    ).toEqual([later, t].sort())
    topics.delete('t')
    expect((await beat('m1', 3, assignment)).assignment).toEqual(partitionSetOf([{ topicId: later, partitions: [0] }]))
  })

  test('subscription by expression, against the whole name', async () => {
    await topics.subscriptions.prepare('t|x.*')
    await join('m1', { subscribedTopicNames: null, subscribedTopicRegex: 't|x.*' })
    expect(indexes(group.members[0]?.assigned ?? null)).toEqual([0, 1, 2, 3])
    topics.set('not-x', 1)
    expect((await beat('m1', 1)).memberEpoch).toBe(1)
    topics.set('xyz', 1)
    expect((await beat('m1', 1)).memberEpoch).toBe(2)
    expect(group.members[0]?.assigned.size).toBe(5)
    await expect(topics.subscriptions.prepare('(')).rejects.toThrow(refused('INVALID_REGULAR_EXPRESSION'))
  })

  test('the assignor that members ask for', async () => {
    await join('m1', { serverAssignor: 'range' })
    expect(group.assignor).toBe('range')
    await join('m2', { serverAssignor: 'range' })
    expect(indexes(group.targetOf('m2'))).toEqual([2, 3])
  })

  test('a group may have no more members than that', async () => {
    await Promise.all(['m1', 'm2', 'm3'].map((id) => join(id)))
    await expect(join('m4')).rejects.toThrow(refused('GROUP_MAX_SIZE_REACHED'))
    await join('m3')
  })
})

describe('epochs', () => {
  test('strangers and other epochs are refused', async () => {
    await expect(beat('m1', 1)).rejects.toThrow(refused('UNKNOWN_MEMBER_ID'))
    await pair()
    await expect(beat('m1', 3)).rejects.toThrow(refused('FENCED_MEMBER_EPOCH'))
    await expect(beat('m2', 1)).rejects.toThrow(refused('FENCED_MEMBER_EPOCH'))
    await expect(group.leave({ memberId: 'm9', memberEpoch: LEFT, instanceId: null })).rejects.toThrow(
      refused('UNKNOWN_MEMBER_ID'),
    )
  })

  test('the epoch before will do for who may have missed an answer, and owns nothing more', async () => {
    await join('m1')
    await join('m2')
    await beat('m1', 1, partitions(0, 1, 2, 3))
    expect(told(await beat('m1', 1, partitions(0, 1)))).toEqual([2, null])
    expect(told(await beat('m1', 1, partitions(0, 1)))).toEqual([2, null])
    await expect(beat('m1', 1, partitions(0, 1, 2))).rejects.toThrow(refused('FENCED_MEMBER_EPOCH'))
    await expect(beat('m1', 1, null)).rejects.toThrow(refused('FENCED_MEMBER_EPOCH'))
  })

  test('who was fenced joins again under its id and gets what it had', async () => {
    await pair()
    expect(told(await join('m1'))).toEqual([2, [0, 1]])
    expect(group.epoch).toBe(2)
  })

  test('offsets are committed and read in the epoch of a member', async () => {
    const nobody = { memberId: '', generationId: -1 }
    const modern = { version: 9, isTransactional: false }
    expect(() => group.assertMayCommit(nobody, modern)).not.toThrow()
    await pair()
    const commit = (memberId: string, generationId: number, context = modern) =>
      group.assertMayCommit({ memberId, generationId }, context)
    expect(() => commit('m1', 2)).not.toThrow()
    expect(() => commit('m1', 1)).toThrow(refused('STALE_MEMBER_EPOCH'))
    expect(() => commit('m1', 2, { version: 8, isTransactional: false })).toThrow(refused('UNSUPPORTED_VERSION'))
    expect(() => commit('m1', 2, { version: 3, isTransactional: true })).not.toThrow()
    expect(() => commit('m1', 1, { version: 3, isTransactional: true })).toThrow(refused('ILLEGAL_GENERATION'))
    expect(() => group.assertMayCommit(nobody, modern)).toThrow(refused('UNKNOWN_MEMBER_ID'))
    expect(() => group.assertMayFetch({ memberId: null, memberEpoch: -1 })).not.toThrow()
    expect(() => group.assertMayFetch({ memberId: 'm1', memberEpoch: 2 })).not.toThrow()
    expect(() => group.assertMayFetch({ memberId: 'm1', memberEpoch: 1 })).toThrow(refused('STALE_MEMBER_EPOCH'))
    expect(() => group.assertMayFetch({ memberId: 'm9', memberEpoch: 2 })).toThrow(refused('UNKNOWN_MEMBER_ID'))
  })
})

describe('time', () => {
  test('a member that is not heard of is out', async () => {
    await pair()
    timers.advance(SESSION_MS - 1)
    await beat('m1', 2)
    timers.advance(1)
    await expect(beat('m2', 2)).rejects.toThrow(refused('UNKNOWN_MEMBER_ID'))
    expect(told(await beat('m1', 2))).toEqual([3, [0, 1, 2, 3]])
  })

  test('so is one that does not give up in time what it has to, however lively it is', async () => {
    await join('m1')
    await join('m2')
    await beat('m1', 1, partitions(0, 1, 2, 3))
    for (let waited = 0; waited < REBALANCE_MS; waited += 10_000) {
      timers.advance(10_000)
      await beat('m2', group.members.find(({ id }) => id === 'm2')?.epoch ?? 0)
      if (waited + 10_000 < REBALANCE_MS) await beat('m1', 1, partitions(0, 1, 2, 3))
    }
    await expect(beat('m1', 1)).rejects.toThrow(refused('UNKNOWN_MEMBER_ID'))
    expect(indexes(group.members[0]?.assigned ?? null)).toEqual([0, 1, 2, 3])
  })
})

describe('static members', () => {
  const instance = { instanceId: 'worker-1' }

  test('one that goes for a while has its partitions when it is back, and nobody else has them meanwhile', async () => {
    await join('m1', instance)
    await group.leave({ memberId: 'm1', memberEpoch: LEFT_TO_REJOIN, ...instance })
    expect(told(await join('m2'))).toEqual([2, []])
    expect(told(await join('m1-again', instance))).toEqual([2, [0, 1]])
    await expect(group.heartbeat({ ...beating('m1', 1), ...instance })).rejects.toThrow(refused('FENCED_INSTANCE_ID'))
    await expect(beat('m1', 1)).rejects.toThrow(refused('UNKNOWN_MEMBER_ID'))
  })

  test('coming back changes no epoch', async () => {
    await join('m1', instance)
    await group.leave({ memberId: 'm1', memberEpoch: LEFT_TO_REJOIN, ...instance })
    expect(told(await join('m1-again', instance))).toEqual([1, [0, 1, 2, 3]])
    expect(group.epoch).toBe(1)
  })

  test('its name is not free while it is there', async () => {
    await join('m1', instance)
    await expect(join('m2', instance)).rejects.toThrow(refused('UNRELEASED_INSTANCE_ID'))
    await expect(group.leave({ memberId: 'm2', memberEpoch: LEFT_TO_REJOIN, ...instance })).rejects.toThrow(
      refused('FENCED_INSTANCE_ID'),
    )
  })

  test('one that does not come back is out when its session ends', async () => {
    await join('m1', instance)
    await group.leave({ memberId: 'm1', memberEpoch: LEFT_TO_REJOIN, ...instance })
    timers.advance(SESSION_MS)
    expect(group.state).toBe('Empty')
  })

  test('one may leave for good', async () => {
    await join('m1', instance)
    await group.leave({ memberId: 'm1', memberEpoch: LEFT, ...instance })
    expect(group.isEmpty).toBe(true)
  })
})

describe('a restart', () => {
  test('finds the group as it was, and its members go on in their epochs', async () => {
    await join('m1', { instanceId: 'worker-1' })
    await join('m2')
    await beat('m1', 1, partitions(0, 1, 2, 3))
    group.close()
    group = newGroup(stored)
    expect(group.state).toBe('Reconciling')
    await group.heartbeat({ ...beating('m1', 1, partitions(0, 1)), instanceId: 'worker-1' })
    expect(told(await beat('m2', 2, NO_PARTITIONS))).toEqual([2, [2, 3]])
  })

  test('members that do not come back are out a session later', async () => {
    await pair()
    group.close()
    group = newGroup(stored)
    timers.advance(SESSION_MS)
    expect(group.state).toBe('Empty')
    expect(group.epoch).toBe(4)
  })

  test('what could not be written is not answered, and is written with what follows', async () => {
    await join('m1')
    writeFailure = new Error('the disk is full')
    await expect(join('m2')).rejects.toThrow(refused('COORDINATOR_NOT_AVAILABLE'))
    await expect(group.leave({ memberId: 'm1', memberEpoch: LEFT, instanceId: null })).rejects.toThrow()
    writeFailure = undefined
    await beat('m2', 2)
    expect([...(stored?.members.keys() ?? [])]).toEqual(['m2'])
    expect(stored?.epoch).toBe(group.epoch)
  })
})
