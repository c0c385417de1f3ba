import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  consumerGroupDescribe,
  consumerGroupHeartbeat,
  createPartitions,
  createTopics,
  describeGroups,
  ERROR,
  joinGroup,
  listGroups,
  metadata,
  offsetCommit,
  offsetFetch,
  ZERO_UUID,
} from '@headrace/broker/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BrokerProcess } from './broker-process.ts'
import { RawClient } from './raw-client.ts'

const GROUP = 'g'

let dataDir: string
let broker: BrokerProcess
let client: RawClient

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'broker-groups-'))
  broker = await BrokerProcess.start(dataDir)
  client = await RawClient.connect(broker.address)
})

afterEach(async () => {
  client.close()
  await broker.end('SIGKILL')
  await rm(dataDir, { recursive: true })
})

async function restart(): Promise<void> {
  client.close()
  await broker.end('SIGKILL')
  broker = await BrokerProcess.start(dataDir)
  client = await RawClient.connect(broker.address)
}

async function makeTopic(name: string, numPartitions: number): Promise<string> {
  await client.ask(createTopics, 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1000,
    validateOnly: false,
  })
  const { topics } = await client.ask(metadata, 12, { topics: [{ topicId: ZERO_UUID, name }] })
  return topics[0]?.topicId ?? ''
}

interface Owned {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** A member as the protocol has it, one heartbeat at a time. */
class Member {
  readonly id: string
  epoch = 0
  owned: readonly Owned[] = []
  readonly #subscription: { subscribedTopicNames: readonly string[] } | { subscribedTopicRegex: string }
  readonly #instanceId: string | null

  constructor(id: string, subscription: readonly string[] | string, instanceId: string | null = null) {
    this.id = id
    this.#instanceId = instanceId
    this.#subscription =
      typeof subscription === 'string'
        ? ({ subscribedTopicRegex: subscription, subscribedTopicNames: [] } as const)
        : { subscribedTopicNames: subscription }
  }

  get partitions(): number[] {
    return this.owned.flatMap(({ partitions }) => [...partitions]).sort((a, b) => a - b)
  }

  /** Takes what it is given, and at the next heartbeat no longer has what it is to give up. Gives the error code. */
  async beat(memberEpoch = this.epoch): Promise<number> {
    const joining = memberEpoch === 0 ? { rebalanceTimeoutMs: 60_000, ...this.#subscription } : {}
    const answer = await client.ask(consumerGroupHeartbeat, 1, {
      groupId: GROUP,
      memberId: this.id,
      memberEpoch,
      instanceId: this.#instanceId,
      topicPartitions: memberEpoch === 0 ? [] : this.owned,
      ...joining,
    })
    if (answer.errorCode !== ERROR.NONE) return answer.errorCode
    this.epoch = answer.memberEpoch
    if (answer.assignment !== null) this.owned = answer.assignment.topicPartitions
    return ERROR.NONE
  }

  commit(offset: number, epoch = this.epoch, version = 9) {
    return client.ask(offsetCommit, version, {
      groupId: GROUP,
      memberId: this.id,
      generationIdOrMemberEpoch: epoch,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }] }],
    })
  }
}

async function settle(...members: Member[]): Promise<void> {
  for (let round = 0; round < 2 + members.length; round++) for (const member of members) await member.beat()
}

async function described() {
  const { groups } = await client.ask(consumerGroupDescribe, 0, {
    groupIds: [GROUP],
    includeAuthorizedOperations: false,
  })
  return groups[0]
}

describe('a consumer group, heartbeat by heartbeat', () => {
  test('partitions are shared, moved and taken back, and the group can be looked at', async () => {
    const topicId = await makeTopic('t', 4)
    const [one, two] = [new Member('one', ['t']), new Member('two', ['t'])]
    await settle(one, two)
    expect([one.partitions, two.partitions]).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(await described()).toMatchObject({
      errorCode: ERROR.NONE,
      groupState: 'Stable',
      groupEpoch: 2,
      assignmentEpoch: 2,
      assignorName: 'uniform',
      members: [
        {
          memberId: 'one',
          memberEpoch: 2,
          subscribedTopicNames: ['t'],
          assignment: { topicPartitions: [{ topicId, topicName: 't' }] },
        },
        { memberId: 'two', memberEpoch: 2, clientId: 'raw' },
      ],
    })
    const { groups } = await client.ask(listGroups, 5, { statesFilter: ['stable'], typesFilter: ['Consumer'] })
    expect(groups).toEqual([{ groupId: GROUP, protocolType: 'consumer', groupState: 'Stable', groupType: 'consumer' }])
    expect((await client.ask(listGroups, 5, { typesFilter: ['classic'] })).groups).toEqual([])
    const classic = await client.ask(describeGroups, 5, { groups: [GROUP] })
    expect(classic.groups[0]).toMatchObject({ groupState: 'Dead' })
    expect(await two.beat(-1)).toBe(ERROR.NONE)
    await settle(one)
    expect(one.partitions).toEqual([0, 1, 2, 3])
    await client.ask(createPartitions, 3, {
      topics: [{ name: 't', count: 6, assignments: null }],
      timeoutMs: 1000,
      validateOnly: false,
    })
    await settle(one)
    expect(one.partitions).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('what is wrong with a request is said', async () => {
    const ask = async (rest: Partial<Parameters<typeof consumerGroupHeartbeat.requestType.write>[1]>, version = 1) => {
      const joining = {
        groupId: GROUP,
        memberId: 'm',
        memberEpoch: 0,
        rebalanceTimeoutMs: 1000,
        subscribedTopicNames: ['t'],
        topicPartitions: [],
      }
      return (await client.ask(consumerGroupHeartbeat, version, { ...joining, ...rest })).errorCode
    }
    expect(await ask({ groupId: '' })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ memberId: '' })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ memberEpoch: -3 })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ instanceId: ' ' })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ rebalanceTimeoutMs: -1 })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ topicPartitions: null })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ subscribedTopicNames: null })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ memberEpoch: -2 })).toBe(ERROR.INVALID_REQUEST)
    expect(await ask({ serverAssignor: 'sticky' })).toBe(ERROR.UNSUPPORTED_ASSIGNOR)
    expect(await ask({ subscribedTopicRegex: '(' })).toBe(ERROR.INVALID_REGULAR_EXPRESSION)
    expect(await ask({ memberEpoch: 1 })).toBe(ERROR.GROUP_ID_NOT_FOUND)
    expect(await ask({ memberId: '' }, 0)).toBe(ERROR.NONE)
    expect(await ask({ memberEpoch: 1 })).toBe(ERROR.UNKNOWN_MEMBER_ID)
    expect(
      (await client.ask(consumerGroupDescribe, 0, { groupIds: ['none'], includeAuthorizedOperations: false })).groups,
    ).toMatchObject([{ errorCode: ERROR.GROUP_ID_NOT_FOUND }])
  })

  test('members outlive the broker in their epochs, and so does what they committed', async () => {
    await makeTopic('t', 3)
    const [one, two] = [new Member('one', ['t'], 'worker-1'), new Member('two', 't|u.*')]
    await settle(one, two)
    const before = await described()
    const isFine = (answer: { topics: readonly { partitions: readonly { errorCode: number }[] }[] }) =>
      answer.topics[0]?.partitions[0]?.errorCode
    expect(isFine(await one.commit(7))).toBe(ERROR.NONE)
    await restart()
    expect(await described()).toEqual(before)
    expect(await one.beat()).toBe(ERROR.NONE)
    expect(await two.beat()).toBe(ERROR.NONE)
    expect(isFine(await one.commit(8, one.epoch - 1))).toBe(ERROR.STALE_MEMBER_EPOCH)
    expect(isFine(await one.commit(8, one.epoch, 8))).toBe(ERROR.UNSUPPORTED_VERSION)
    expect(isFine(await one.commit(8))).toBe(ERROR.NONE)
    const read = async (memberEpoch: number) =>
      (
        await client.ask(offsetFetch, 9, {
          groups: [{ groupId: GROUP, memberId: 'one', memberEpoch, topics: [{ name: 't', partitionIndexes: [0] }] }],
        })
      ).groups[0]
    expect(await read(one.epoch)).toMatchObject({ topics: [{ partitions: [{ committedOffset: 8 }] }] })
    expect(await read(one.epoch + 1)).toMatchObject({ errorCode: ERROR.STALE_MEMBER_EPOCH, topics: [] })
    const epoch = two.epoch
    expect(await two.beat(epoch + 1)).toBe(ERROR.FENCED_MEMBER_EPOCH)
    await makeTopic('u', 1)
    await settle(one, two)
    expect(two.epoch).toBeGreaterThan(epoch)
    expect([...one.owned, ...two.owned].flatMap(({ partitions }) => partitions)).toHaveLength(4)
  })

  test('a group changes its protocol when nobody is in it', async () => {
    await makeTopic('t', 1)
    const member = new Member('one', ['t'])
    const joinClassic = async () =>
      await client.ask(joinGroup, 3, {
        groupId: GROUP,
        sessionTimeoutMs: 10_000,
        memberId: '',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      })
    await member.beat()
    await member.commit(5)
    expect((await joinClassic()).errorCode).toBe(ERROR.INCONSISTENT_GROUP_PROTOCOL)
    await member.beat(-1)
    expect((await joinClassic()).errorCode).toBe(ERROR.NONE)
    expect((await client.ask(describeGroups, 5, { groups: [GROUP] })).groups[0]?.members).toHaveLength(1)
    expect(await member.beat(0)).toBe(ERROR.GROUP_ID_NOT_FOUND)
    await restart()
    expect((await described())?.errorCode).toBe(ERROR.GROUP_ID_NOT_FOUND)
    const { topics } = await client.ask(offsetFetch, 7, { groupId: GROUP, topics: null })
    expect(topics).toMatchObject([{ name: 't', partitions: [{ committedOffset: 5 }] }])
  })
})
