import { setTimeout as sleep } from 'node:timers/promises'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import type { Layout } from '../client/layout.ts'
import {
  assertNoError,
  isAnotherCoordinator,
  isLostMembership,
  MEMBER_ID_REQUIRED,
  ProtocolError,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import {
  assignRange,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  RANGE_ASSIGNOR,
  type TopicPartition,
} from './group-assignment.ts'
import {
  type GroupMember,
  HEARTBEAT_EVERY_MS,
  type MemberEvents,
  type MemberOptions,
  REBALANCE_MS,
} from './group-member.ts'
import type { Committer } from './offsets.ts'

/** How long to wait before a group's coordinator is looked for again. */
const COORDINATOR_PAUSE_MS = 200

/**
 * A member of a classic group: it joins, one member hands out the partitions, and everything is given up before a rebalance
 * (the eager protocol, assignor `range`). A new member, one that leaves, and new partitions make a rebalance.
 */
export class ClassicMember implements GroupMember {
  readonly #options: MemberOptions
  readonly #events: MemberEvents
  #coordinator: BrokerAddress | undefined
  #memberId = ''
  #generation: number | undefined
  /** What is subscribed to, and, where this member hands out the partitions, how many there were. */
  #joined: { readonly isLeader: boolean; readonly layout: Layout } | undefined
  #wake = new AbortController()

  constructor(options: MemberOptions, events: MemberEvents) {
    this.#options = options
    this.#events = events
  }

  get committer(): Committer | undefined {
    return this.#generation === undefined ? undefined : { memberId: this.#memberId, generation: this.#generation }
  }

  /** The topics have changed: the one who hands out the partitions does so again. */
  topicsChanged(): void {
    if (this.#joined?.isLeader === true) this.#wake.abort()
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#wake = new AbortController()
        this.#events.assigned(await this.#join())
        await this.#untilRebalance(signal)
        if (!signal.aborted) await this.#release(signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error)
      }
    }
  }

  async leave(client: KafkaClient): Promise<void> {
    if (this.#memberId === '') return
    const { groupId } = this.#options
    const memberId = this.#memberId
    this.#generation = undefined
    await client.request(await client.coordinator(groupId), leaveGroup, { groupId, memberId, members: [{ memberId }] })
  }

  /** Goes on where that is possible: by joining anew. Rethrows everything else. */
  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof ProtocolError)) throw error
    if (isLostMembership(error.apiCode)) {
      if (error.apiCode === UNKNOWN_MEMBER_ID) this.#memberId = ''
      this.#generation = undefined
      this.#events.lost(error.message)
    } else if (isAnotherCoordinator(error.apiCode)) await this.#forgetCoordinator()
    else if (error.apiCode !== REBALANCE_IN_PROGRESS) throw error
  }

  async #join(): Promise<readonly TopicPartition[]> {
    const { groupId, client, sessionTimeoutMs } = this.#options
    const layout = await this.#events.layout()
    const metadata = encodeSubscription([...layout.keys()].sort())
    const request = {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocolType: 'consumer',
      protocols: [{ name: RANGE_ASSIGNOR, metadata }],
    }
    let answer = await client.request(await this.#broker(), joinGroup, { ...request, memberId: this.#memberId })
    if (answer.errorCode === MEMBER_ID_REQUIRED) {
      this.#memberId = answer.memberId
      answer = await client.request(await this.#broker(), joinGroup, { ...request, memberId: this.#memberId })
    }
    assertNoError(answer.errorCode)
    const { memberId, generationId, leader, members } = answer
    this.#memberId = memberId
    const isLeader = leader === memberId && !answer.skipAssignment
    this.#joined = { isLeader, layout }
    const assignments = isLeader ? await this.#handOut(members, layout) : []
    const synced = await client.request(await this.#broker(), syncGroup, {
      groupId,
      generationId,
      memberId,
      protocolType: 'consumer',
      protocolName: answer.protocolName ?? RANGE_ASSIGNOR,
      assignments,
    })
    assertNoError(synced.errorCode)
    this.#generation = generationId
    return decodeAssignment(synced.assignment)
  }

  /** Every member's share. Members may have other files, for a while: what is described are all topics that any of them wants. */
  async #handOut(members: readonly { readonly memberId: string; readonly metadata: Buffer }[], own: Layout) {
    const subscriptions = new Map(members.map(({ memberId, metadata }) => [memberId, decodeSubscription(metadata)]))
    const others = [...new Set([...subscriptions.values()].flat())].filter((topic) => !own.has(topic))
    const found = others.length === 0 ? new Map() : await this.#options.client.describeTopics(others)
    const counts = [...own.values(), ...found.values()].map(
      ({ topic, partitions }) => [topic, partitions.length] as const,
    )
    return [...assignRange(subscriptions, new Map(counts))].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }))
  }

  async #untilRebalance(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(
        () => undefined,
      )
      if (signal.aborted || this.#wake.signal.aborted) return
      const code = await this.#beat()
      if (code === REBALANCE_IN_PROGRESS) return
      assertNoError(code)
    }
  }

  /** Gives up everything, and is heard of meanwhile. */
  async #release(signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const released = this.#events.revoke().finally(() => done.abort())
    const either = AbortSignal.any([signal, done.signal])
    while (!either.aborted) {
      await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: either }).catch(() => undefined)
      if (either.aborted) break
      const code = await this.#beat()
      if (code !== REBALANCE_IN_PROGRESS) assertNoError(code)
    }
    await released
  }

  async #beat(): Promise<number> {
    const { groupId, client } = this.#options
    const generationId = this.#generation ?? -1
    const { errorCode } = await client.request(await this.#broker(), heartbeat, {
      groupId,
      generationId,
      memberId: this.#memberId,
    })
    if (!isAnotherCoordinator(errorCode)) return errorCode
    await this.#forgetCoordinator()
    return 0
  }

  async #broker(): Promise<BrokerAddress> {
    this.#coordinator ??= await this.#options.client.coordinator(this.#options.groupId)
    return this.#coordinator
  }

  async #forgetCoordinator(): Promise<void> {
    this.#coordinator = undefined
    await sleep(COORDINATOR_PAUSE_MS)
  }
}
