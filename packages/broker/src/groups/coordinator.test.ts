import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { IntervalFlusher } from '../storage/flusher.ts'
import type { ClassicGroup } from './classic/classic-group.ts'
import type { Joined, JoinRequest } from './classic/member.ts'
import { LEFT } from './consumer/member.ts'
import { GroupCoordinator } from './coordinator.ts'
import { joining, TestTopics } from './fixtures/heartbeats.ts'
import { VirtualTimers } from './fixtures/virtual-timers.ts'
import { DEFAULT_GROUP_SETTINGS } from './group-settings.ts'
import { GroupStore } from './group-store.ts'
import { OffsetStore } from './offset-store.ts'

const RETENTION_MS = DEFAULT_GROUP_SETTINGS.offsetsRetentionMs
const SESSION_MS = 10_000

let dataDir: string
let timers: VirtualTimers
let groups: GroupCoordinator
let flusher: IntervalFlusher

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'coordinator-'))
  timers = new VirtualTimers()
  await open()
})

afterEach(async () => {
  await close()
  await rm(dataDir, { recursive: true })
})

async function open(): Promise<void> {
  const onError = (error: unknown) => {
    throw error
  }
  flusher = new IntervalFlusher(1000, onError)
  const storage = { fsync: { mode: 'interval', ms: 1000 } as const, flusher }
  groups = await GroupCoordinator.open({
    offsets: await OffsetStore.open(dataDir, storage),
    store: await GroupStore.open(dataDir, storage),
    topics: new TestTopics(),
    // Tests say themselves when it is looked for what has expired.
    settings: { ...DEFAULT_GROUP_SETTINGS, offsetsRetentionCheckIntervalMs: 100 * RETENTION_MS },
    timers,
    onError,
  })
}

async function close(): Promise<void> {
  await groups.close()
  await flusher.close()
}

async function reopen(): Promise<void> {
  await close()
  await open()
}

/** What a consumer says of itself: version 0, its topics, no user data. */
function subscription(...topics: string[]): Buffer {
  const names = topics.flatMap((topic) => [Buffer.from([0, topic.length]), Buffer.from(topic)])
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 0, topics.length]), ...names, Buffer.from([0xff, 0xff, 0xff, 0xff])])
}

async function join(groupId: string, rest: Partial<JoinRequest> = {}): Promise<[ClassicGroup, Joined]> {
  const group = await groups.classicGroupToJoin(groupId, '')
  const joined = await group.join({
    memberId: '',
    groupInstanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: SESSION_MS,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription('t') }],
    mustKnowMemberId: false,
    canSkipAssignment: true,
    ...rest,
  })
  if ('memberIdRequired' in joined) throw new Error('a member id was asked for')
  const { memberId, generationId } = joined
  await group.sync({ memberId, generationId, groupInstanceId: rest.groupInstanceId ?? null }, new Map())
  return [group, joined]
}

const commit = (groupId: string, topic: string, rest: { expiresAt?: number } = {}) =>
  groups.offsets.commit(groupId, [
    { topic, partition: 0, offset: 5, leaderEpoch: -1, metadata: '', committedAt: timers.now(), ...rest },
  ])

const offsetOf = (groupId: string, topic: string) => groups.offsets.get(groupId, topic, 0)?.offset
const refused = (name: string) => expect.objectContaining({ name })

describe('offsets that nobody needs', () => {
  test('are kept for as long as the group has members, and a retention time longer', async () => {
    const [group, { memberId }] = await join('g', { sessionTimeoutMs: 10 * RETENTION_MS })
    await commit('g', 't')
    timers.advance(2 * RETENTION_MS)
    await groups.expire()
    expect(offsetOf('g', 't')).toBe(5)
    group.leave(memberId, null)
    timers.advance(RETENTION_MS - 1)
    await groups.expire()
    expect(offsetOf('g', 't')).toBe(5)
    await reopen()
    await groups.expire()
    expect(offsetOf('g', 't')).toBe(5)
    timers.advance(1)
    await groups.expire()
    expect(offsetOf('g', 't')).toBeUndefined()
    expect(groups.find('g')).toBeUndefined()
    await reopen()
    expect(groups.list()).toEqual([])
  })

  test('of a group without members go by when they were committed', async () => {
    await commit('simple', 'early')
    timers.advance(RETENTION_MS / 2)
    await commit('simple', 'late')
    timers.advance(RETENTION_MS / 2)
    await groups.expire()
    expect([offsetOf('simple', 'early'), offsetOf('simple', 'late')]).toEqual([undefined, 5])
    expect(groups.find('simple')).toBeDefined()
  })

  test('go when whoever committed them said', async () => {
    await commit('g', 't', { expiresAt: timers.now() + 1000 })
    timers.advance(1000)
    await groups.expire()
    expect(offsetOf('g', 't')).toBeUndefined()
  })

  test('stay while a transaction is about to change them', async () => {
    await commit('g', 't')
    await groups.offsets.commitPending('g', 7, [
      { topic: 't', partition: 0, offset: 9, leaderEpoch: -1, metadata: '', committedAt: timers.now() },
    ])
    timers.advance(RETENTION_MS)
    await groups.expire()
    expect(offsetOf('g', 't')).toBe(5)
    await groups.offsets.endPending('g', 7, 'commit')
    expect(offsetOf('g', 't')).toBe(9)
  })
})

describe('offsets that are deleted', () => {
  test('are those of topics that no member reads from', async () => {
    await join('g')
    await commit('g', 't')
    await commit('g', 'other')
    const asked = ['t', 'other', 'never'].map((topic) => ({ topic, partition: 0 }))
    expect(await groups.deleteOffsets('g', asked)).toEqual(new Set(asked.slice(1)))
    expect([offsetOf('g', 't'), offsetOf('g', 'other')]).toEqual([5, undefined])
    await expect(groups.deleteOffsets('none', asked)).rejects.toThrow(refused('GROUP_ID_NOT_FOUND'))
  })

  test('or that cannot be told to read from them', async () => {
    await join('g', { protocols: [{ name: 'own', metadata: Buffer.from('?') }] })
    const asked = [{ topic: 'other', partition: 0 }]
    expect(await groups.deleteOffsets('g', asked)).toEqual(new Set())
    await join('connect', { protocolType: 'connect' })
    await expect(groups.deleteOffsets('connect', asked)).rejects.toThrow(refused('NON_EMPTY_GROUP'))
  })

  test('of a consumer group, by names and expressions', async () => {
    await groups.subscriptions.prepare('x.*')
    await groups.consumerGroupFor('g', 0).heartbeat(joining('m', ['t'], { subscribedTopicRegex: 'x.*' }))
    const asked = ['t', 'x1', 'y'].map((topic) => ({ topic, partition: 0 }))
    expect(await groups.deleteOffsets('g', asked)).toEqual(new Set(asked.slice(2)))
    await groups.consumerGroupFor('g', 0).leave({ memberId: 'm', memberEpoch: LEFT, instanceId: null })
    expect(await groups.deleteOffsets('g', asked)).toEqual(new Set(asked))
  })
})

describe('groups', () => {
  test('are deleted with their offsets when nobody is in them', async () => {
    const [group, { memberId }] = await join('g')
    await commit('g', 't')
    await expect(groups.delete('g')).rejects.toThrow(refused('NON_EMPTY_GROUP'))
    group.leave(memberId, null)
    await groups.delete('g')
    expect(groups.find('g')).toBeUndefined()
    await expect(groups.delete('g')).rejects.toThrow(refused('GROUP_ID_NOT_FOUND'))
    await reopen()
    expect(groups.list()).toEqual([])
  })

  test('are there after a restart with their members, and are of one protocol at a time', async () => {
    const [, joined] = await join('g')
    await groups.consumerGroupFor('h', 0).heartbeat(joining('m', ['t']))
    await groups.consumerGroupFor('h', 1).leave({ memberId: 'm', memberEpoch: LEFT, instanceId: null })
    await join('h')
    await reopen()
    expect(groups.list().map(({ id, type, state }) => [id, type, state])).toEqual([
      ['g', 'classic', 'Stable'],
      ['h', 'classic', 'Stable'],
    ])
    const { memberId, generationId } = joined
    const ref = { memberId, generationId, groupInstanceId: null }
    expect(() => groups.classicGroup('g').heartbeat(ref)).not.toThrow()
    timers.advance(SESSION_MS)
    expect(() => groups.classicGroup('g').heartbeat(ref)).toThrow(refused('UNKNOWN_MEMBER_ID'))
    await groups.consumerGroupFor('g', 0).heartbeat(joining('m', ['t']))
    await reopen()
    expect(groups.find('g')).toMatchObject({ type: 'consumer', state: 'Stable' })
  })

  test('that are not there take commits of whoever names no member', () => {
    const by =
      (memberId: string, generationId: number, version: number, isTransactional = false) =>
      () =>
        groups.assertMayCommit('new', { memberId, generationId, groupInstanceId: null }, { version, isTransactional })
    expect(by('m', 3, 9)).toThrow(refused('GROUP_ID_NOT_FOUND'))
    expect(by('m', 3, 8)).toThrow(refused('ILLEGAL_GENERATION'))
    expect(by('m', 3, 9, true)).toThrow(refused('ILLEGAL_GENERATION'))
    expect(by('', -1, 9)).not.toThrow()
    expect(groups.find('new')?.state).toBe('Empty')
  })
})
