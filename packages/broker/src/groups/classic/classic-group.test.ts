import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualTimers } from '../fixtures/virtual-timers.ts'
import { DEFAULT_GROUP_SETTINGS, type GroupSettings } from '../group-settings.ts'
import { ClassicGroup } from './classic-group.ts'
import type { Joined, JoinRequest, MemberIdRequired } from './member.ts'
import type { StoredClassicGroup } from './stored-group.ts'

const SESSION_MS = 10_000
const REBALANCE_MS = 60_000

let timers: VirtualTimers
let group: ClassicGroup
let stored: StoredClassicGroup | undefined
let writeFailure: Error | undefined

beforeEach(() => {
  timers = new VirtualTimers()
  stored = undefined
  writeFailure = undefined
  group = newGroup()
})

function newGroup(settings: Partial<GroupSettings> = {}, from?: StoredClassicGroup): ClassicGroup {
  const write = async (state: StoredClassicGroup) => {
    if (writeFailure !== undefined) throw writeFailure
    stored = JSON.parse(JSON.stringify(state))
  }
  const onError = (error: unknown) => {
    throw error
  }
  return new ClassicGroup('g', { timers, settings: { ...DEFAULT_GROUP_SETTINGS, ...settings }, write, onError }, from)
}

function joining(overrides: Partial<JoinRequest> = {}): JoinRequest {
  return {
    memberId: '',
    groupInstanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
    mustKnowMemberId: false,
    canSkipAssignment: true,
    ...overrides,
  }
}

async function join(overrides: Partial<JoinRequest> = {}): Promise<Joined> {
  return joined(await group.join(joining(overrides)))
}

function joined(answer: Joined | MemberIdRequired): Joined {
  if ('memberIdRequired' in answer) throw new Error('a member id was asked for')
  return answer
}

const refOf = ({ memberId, generationId }: Joined, groupInstanceId: string | null = null) => ({
  memberId,
  generationId,
  groupInstanceId,
})

/** Sends what a leader assigns: to each member its own id. */
function lead(leader: Joined) {
  const assignments = new Map(leader.members.map(({ memberId }) => [memberId, Buffer.from(memberId)]))
  return group.sync(refOf(leader), assignments)
}

async function alone(overrides: Partial<JoinRequest> = {}): Promise<Joined> {
  const leader = await join(overrides)
  await group.sync(refOf(leader, overrides.groupInstanceId ?? null), new Map([[leader.memberId, Buffer.from('all')]]))
  return leader
}

/** Two members in a stable generation. */
async function pair(): Promise<[leader: Joined, follower: Joined]> {
  const first = await alone()
  const second = join()
  expect(() => group.heartbeat(refOf(first))).toThrow(expect.objectContaining({ name: 'REBALANCE_IN_PROGRESS' }))
  const leader = await join({ memberId: first.memberId })
  const follower = await second
  const synced = group.sync(refOf(follower), new Map())
  await lead(leader)
  await synced
  return [leader, follower]
}

describe('a generation', () => {
  test('one member leads itself', async () => {
    const leader = await alone()
    expect(leader).toMatchObject({ generationId: 1, protocolName: 'range', leader: leader.memberId })
    expect(leader.members).toEqual([
      { memberId: leader.memberId, groupInstanceId: null, metadata: Buffer.from('topics') },
    ])
    expect(group.state).toBe('Stable')
    expect((await group.sync(refOf(leader), new Map())).assignment.toString()).toBe('all')
  })

  test('a second member makes the first join again, and the leader assigns to both', async () => {
    const [leader, follower] = await pair()
    expect(leader).toMatchObject({ generationId: 2, leader: leader.memberId })
    expect(leader.members.map((m) => m.memberId)).toEqual([leader.memberId, follower.memberId])
    expect(follower).toMatchObject({ generationId: 2, leader: leader.memberId, members: [] })
    const assignment = (await group.sync(refOf(follower), new Map())).assignment
    expect(assignment.toString()).toBe(follower.memberId)
    expect(() => group.heartbeat(refOf(follower))).not.toThrow()
  })

  test('a follower waits for its assignment until the leader sends it', async () => {
    const first = await alone()
    const second = join()
    const leader = await join({ memberId: first.memberId })
    const waiting = group.sync(refOf(await second), new Map())
    expect(group.state).toBe('CompletingRebalance')
    await lead(leader)
    expect((await waiting).assignment.length).toBeGreaterThan(0)
  })

  test('the protocol that all know wins', async () => {
    const protocol = (name: string) => ({ name, metadata: Buffer.from(name) })
    const first = await alone({ protocols: [protocol('sticky'), protocol('range')] })
    const second = join({ protocols: [protocol('range')] })
    const leader = await join({ memberId: first.memberId, protocols: [protocol('sticky'), protocol('range')] })
    expect(leader.protocolName).toBe('range')
    expect(leader.members.map((m) => m.metadata.toString())).toEqual(['range', 'range'])
    await second
    await expect(join({ protocols: [protocol('roundrobin')] })).rejects.toMatchObject({
      name: 'INCONSISTENT_GROUP_PROTOCOL',
    })
    await expect(join({ protocolType: 'connect' })).rejects.toMatchObject({ name: 'INCONSISTENT_GROUP_PROTOCOL' })
  })

  test('an older generation and strangers are refused', async () => {
    const [leader] = await pair()
    const old = { ...refOf(leader), generationId: 1 }
    expect(() => group.heartbeat(old)).toThrow(expect.objectContaining({ name: 'ILLEGAL_GENERATION' }))
    await expect(group.sync(old, new Map())).rejects.toMatchObject({ name: 'ILLEGAL_GENERATION' })
    const stranger = { ...refOf(leader), memberId: 'nobody' }
    expect(() => group.heartbeat(stranger)).toThrow(expect.objectContaining({ name: 'UNKNOWN_MEMBER_ID' }))
    await expect(join({ memberId: 'nobody' })).rejects.toMatchObject({ name: 'UNKNOWN_MEMBER_ID' })
  })

  test('a follower that asks again in the same generation gets the same answer without a rebalance', async () => {
    const [, follower] = await pair()
    expect(await join({ memberId: follower.memberId })).toEqual(follower)
    expect(group.state).toBe('Stable')
  })

  test('a leader that joins again starts a rebalance', async () => {
    const [leader, follower] = await pair()
    const again = join({ memberId: leader.memberId })
    expect(group.state).toBe('PreparingRebalance')
    await join({ memberId: follower.memberId })
    expect((await again).generationId).toBe(3)
  })
})

describe('leaving and falling silent', () => {
  test('when one leaves, the other takes all', async () => {
    const [leader, follower] = await pair()
    group.leave(leader.memberId, null)
    const alone = await join({ memberId: follower.memberId })
    expect(alone).toMatchObject({ generationId: 3, leader: follower.memberId })
    expect(alone.members).toHaveLength(1)
    expect(() => group.leave(leader.memberId, null)).toThrow(expect.objectContaining({ name: 'UNKNOWN_MEMBER_ID' }))
  })

  test('when the last leaves, the group is empty', async () => {
    const leader = await alone()
    group.leave(leader.memberId, null)
    expect(group.state).toBe('Empty')
    expect(group.members).toEqual([])
    expect((await join()).generationId).toBe(3)
  })

  test('a member without heartbeats is out when its session ends, one with them is not', async () => {
    const [leader, follower] = await pair()
    timers.advance(SESSION_MS - 1)
    group.heartbeat(refOf(leader))
    timers.advance(1)
    expect(group.members.map((member) => member.id)).toEqual([leader.memberId])
    expect(group.state).toBe('PreparingRebalance')
    expect(() => group.heartbeat(refOf(follower))).toThrow(expect.objectContaining({ name: 'UNKNOWN_MEMBER_ID' }))
  })

  test('who does not join a rebalance in time is left out of it', async () => {
    const first = await alone({ sessionTimeoutMs: 10 * REBALANCE_MS })
    const second = join()
    timers.advance(REBALANCE_MS)
    expect((await second).members).toHaveLength(1)
    expect(() => group.heartbeat(refOf(first))).toThrow(expect.objectContaining({ name: 'UNKNOWN_MEMBER_ID' }))
  })

  test('a leader that joins and then says nothing does not hold up the rest', async () => {
    const first = await alone({ sessionTimeoutMs: 10 * REBALANCE_MS })
    const second = join()
    await join({ memberId: first.memberId, sessionTimeoutMs: 10 * REBALANCE_MS })
    const waiting = group.sync(refOf(await second), new Map())
    timers.advance(REBALANCE_MS)
    await expect(waiting).rejects.toMatchObject({ name: 'REBALANCE_IN_PROGRESS' })
    expect(await join({ memberId: (await second).memberId })).toMatchObject({ leader: (await second).memberId })
  })

  test('who waits for a rebalance is not expected to send heartbeats', async () => {
    await alone({ sessionTimeoutMs: REBALANCE_MS })
    const second = join({ sessionTimeoutMs: 100 })
    timers.advance(REBALANCE_MS - 1)
    expect(group.members).toHaveLength(2)
    timers.advance(1)
    expect((await second).members).toHaveLength(1)
  })
})

describe('member ids that clients have to come back with', () => {
  test('the group waits for them', async () => {
    const first = await alone()
    const answer = await group.join(joining({ mustKnowMemberId: true }))
    expect(answer).toEqual({ memberIdRequired: expect.stringMatching(/^client-/) })
    expect(group.state).toBe('Stable')
    const memberId = (answer as MemberIdRequired).memberIdRequired
    const second = join({ memberId, mustKnowMemberId: true })
    await join({ memberId: first.memberId })
    expect((await second).memberId).toBe(memberId)
  })

  test('but not for ever', async () => {
    const first = await alone({ sessionTimeoutMs: 10 * SESSION_MS })
    const answer = (await group.join(joining({ mustKnowMemberId: true }))) as MemberIdRequired
    const rejoined = join({ memberId: first.memberId, sessionTimeoutMs: 10 * SESSION_MS })
    expect(group.state).toBe('PreparingRebalance')
    timers.advance(SESSION_MS)
    expect((await rejoined).members).toHaveLength(1)
    await expect(join({ memberId: answer.memberIdRequired })).rejects.toMatchObject({ name: 'UNKNOWN_MEMBER_ID' })
  })
})

describe('static members', () => {
  const instance = { groupInstanceId: 'worker-1' }

  test('one that comes back keeps its assignment without a rebalance, and its former self is fenced', async () => {
    const before = await alone(instance)
    const after = await join(instance)
    expect(after).toMatchObject({ generationId: before.generationId, skipAssignment: true, leader: after.memberId })
    expect(after.memberId).not.toBe(before.memberId)
    expect(group.state).toBe('Stable')
    const { assignment } = await group.sync(refOf(after, 'worker-1'), new Map())
    expect(assignment.toString()).toBe('all')
    expect(() => group.heartbeat(refOf(before, 'worker-1'))).toThrow(
      expect.objectContaining({ name: 'FENCED_INSTANCE_ID' }),
    )
  })

  test('an older client is not told that it leads', async () => {
    const before = await alone(instance)
    const after = await join({ ...instance, canSkipAssignment: false })
    expect(after).toMatchObject({ leader: before.memberId, members: [], skipAssignment: false })
  })

  test('one that comes back with other metadata goes on; with another protocol it starts a rebalance', async () => {
    await alone(instance)
    const metadata = Buffer.from('others')
    const after = await join({ ...instance, protocols: [{ name: 'range', metadata }] })
    expect(after.generationId).toBe(1)
    const later = await join({
      ...instance,
      protocols: [
        { name: 'sticky', metadata },
        { name: 'range', metadata },
      ],
    })
    expect(later).toMatchObject({ generationId: 2, protocolName: 'sticky' })
  })

  test('one leaves by its name', async () => {
    await alone(instance)
    group.leave('', 'worker-1')
    expect(group.state).toBe('Empty')
  })

  test('one that is silent during a rebalance stays until its session ends', async () => {
    const silent = await alone({ ...instance, sessionTimeoutMs: 2 * REBALANCE_MS })
    const second = join()
    timers.advance(REBALANCE_MS)
    const leader = await second
    expect(leader.leader).toBe(leader.memberId)
    expect(leader.members.map((m) => m.memberId)).toContain(silent.memberId)
  })
})

describe('who may commit offsets', () => {
  const nobody = { memberId: '', groupInstanceId: null, generationId: -1 }

  test('anyone while the group is empty', () => {
    expect(() => group.assertMayCommit(nobody)).not.toThrow()
  })

  test('members of this generation, outside of a rebalance that is being completed', async () => {
    const first = await join()
    expect(() => group.assertMayCommit(refOf(first))).toThrow(
      expect.objectContaining({ name: 'REBALANCE_IN_PROGRESS' }),
    )
    await lead(first)
    expect(() => group.assertMayCommit(refOf(first))).not.toThrow()
    expect(() => group.assertMayCommit({ ...refOf(first), generationId: 0 })).toThrow(
      expect.objectContaining({ name: 'ILLEGAL_GENERATION' }),
    )
    expect(() => group.assertMayCommit(nobody)).toThrow(expect.objectContaining({ name: 'UNKNOWN_MEMBER_ID' }))
  })

  test('members that have yet to join the next generation still commit in theirs', async () => {
    const first = await alone()
    const second = join()
    expect(() => group.assertMayCommit(refOf(first))).not.toThrow()
    await join({ memberId: first.memberId })
    await second
  })
})

describe('who holds up the rest', () => {
  test('a follower that never asks for its assignment is out', async () => {
    const first = await alone()
    const second = join({ sessionTimeoutMs: 10 * REBALANCE_MS })
    const leader = await join({ memberId: first.memberId, sessionTimeoutMs: 10 * REBALANCE_MS })
    const silent = await second
    await lead(leader)
    expect(group.state).toBe('Stable')
    timers.advance(REBALANCE_MS)
    expect(group.members.map(({ id }) => id)).toEqual([leader.memberId])
    expect(group.state).toBe('PreparingRebalance')
    expect(() => group.heartbeat(refOf(silent))).toThrow(expect.objectContaining({ name: 'UNKNOWN_MEMBER_ID' }))
  })

  test('one that leaves while the others wait for it lets them go on', async () => {
    const [leader, follower] = await pair()
    const again = join({ memberId: leader.memberId })
    expect(group.state).toBe('PreparingRebalance')
    group.leave(follower.memberId, null)
    expect(await again).toMatchObject({ generationId: 3, leader: leader.memberId })
  })

  test('one that joins while assignments are awaited makes everybody join again', async () => {
    const first = await join()
    const waiting = group.sync(refOf(first), new Map([[first.memberId, Buffer.from('all')]]))
    const second = join()
    await expect(waiting).rejects.toMatchObject({ name: 'REBALANCE_IN_PROGRESS' })
    const leader = await join({ memberId: first.memberId })
    expect(leader.members).toHaveLength(2)
    expect(await second).toMatchObject({ generationId: 2 })
  })

  test('a new member whose client is long gone is out after five minutes', async () => {
    const first = await alone({ sessionTimeoutMs: 600_000, rebalanceTimeoutMs: 600_000 })
    const second = join({ rebalanceTimeoutMs: 600_000 })
    const refused = expect(second).rejects.toMatchObject({ name: 'UNKNOWN_MEMBER_ID' })
    timers.advance(300_000)
    await refused
    expect(await join({ memberId: first.memberId })).toMatchObject({ generationId: 2 })
  })
})

describe('settings', () => {
  test('the first generation waits for more, as long as some come', async () => {
    group = newGroup({ initialRebalanceDelayMs: 3_000 })
    const first = join()
    timers.advance(2_000)
    const second = join()
    timers.advance(1_000)
    const third = join()
    timers.advance(3_000)
    expect(group.state).toBe('PreparingRebalance')
    timers.advance(3_000)
    expect((await first).members).toHaveLength(3)
    expect([(await second).generationId, (await third).generationId]).toEqual([1, 1])
  })

  test('a group has no more members than that, and those that it has may join again', async () => {
    group = newGroup({ maxSize: 2 })
    const [leader, follower] = await pair()
    await expect(join()).rejects.toMatchObject({ name: 'GROUP_MAX_SIZE_REACHED' })
    expect(group.state).toBe('Stable')
    const again = join({ memberId: leader.memberId })
    await expect(Promise.all([again, join({ memberId: follower.memberId })])).resolves.toHaveLength(2)
  })
})

describe('a restart', () => {
  test('finds members in their generation, and static ones by their names', async () => {
    const before = await alone({ groupInstanceId: 'worker-1' })
    group.close()
    group = newGroup({}, stored)
    expect(group.state).toBe('Stable')
    expect(() => group.heartbeat(refOf(before, 'worker-1'))).not.toThrow()
    const after = await join({ groupInstanceId: 'worker-1' })
    expect(after).toMatchObject({ generationId: before.generationId, skipAssignment: true })
    expect((await group.sync(refOf(after, 'worker-1'), new Map())).assignment.toString()).toBe('all')
    expect(stored?.members.map(({ id }) => id)).toEqual([after.memberId])
  })

  test('gives them a session to be heard of', async () => {
    await alone()
    group.close()
    group = newGroup({}, stored)
    timers.advance(SESSION_MS)
    expect(group.state).toBe('Empty')
    expect(stored).toMatchObject({ generationId: 2, members: [] })
  })

  test("an assignment that could not be written is nobody's", async () => {
    const leader = await join()
    writeFailure = new Error('the disk is full')
    await expect(lead(leader)).rejects.toMatchObject({ name: 'COORDINATOR_NOT_AVAILABLE' })
    expect(group.state).toBe('PreparingRebalance')
  })
})
