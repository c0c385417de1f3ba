import { setTimeout as sleep } from 'node:timers/promises'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import type { Layout } from '../client/layout.ts'
import { BROKER_AWAY_MS, Patience } from '../client/patience.ts'
import {
  assertNoError,
  codeOf,
  INCONSISTENT_GROUP_PROTOCOL,
  isLostMembership,
  MEMBER_ID_REQUIRED,
  mayPass,
  ProtocolError,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { ASSIGNORS } from './assignors.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
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
import { Pulse } from './pulse.ts'

interface JoinedMember {
  readonly memberId: string
  readonly metadata: Buffer
}

/**
 * A member of a classic group: it joins, one member hands out the partitions, and everything is given up before a rebalance
 * (the eager protocol, with whichever assignor). A new member, one that leaves, and new partitions make a rebalance.
 */
export class ClassicMember implements GroupMember {
  readonly #options: MemberOptions
  readonly #events: MemberEvents
  readonly #pulse = new Pulse()
  readonly #patience = new Patience()
  #coordinator: BrokerAddress | undefined
  #memberId = ''
  #generation: number | undefined
  /** Whether this member hands out the partitions. */
  #isLeader = false
  /** What was handed out is not right any more: it is to join again. */
  #mustJoin = false

  constructor(options: MemberOptions, events: MemberEvents) {
    this.#options = options
    this.#events = events
  }

  get committer(): Committer | undefined {
    return this.#generation === undefined ? undefined : { memberId: this.#memberId, generation: this.#generation }
  }

  /** The one who hands out the partitions does so again. What was made again everybody takes up anew. */
  topicsChanged(recreated: ReadonlySet<string>): void {
    if (!this.#isLeader && recreated.size === 0) return
    this.#mustJoin = true
    this.#pulse.hurry()
  }

  hurry(): void {
    this.#pulse.hurry()
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#mustJoin = false
        this.#events.assigned(await this.#join())
        await this.#untilRebalance(signal)
        if (!signal.aborted) await this.#release(signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
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
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (isLostMembership(error)) {
      if (codeOf(error) === UNKNOWN_MEMBER_ID) this.#memberId = ''
      this.#generation = undefined
      this.#events.lost(error instanceof Error ? error.message : String(error))
    } else if (codeOf(error) !== REBALANCE_IN_PROGRESS) await this.#wait(error, signal)
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
      protocols: [...ASSIGNORS.keys()].map((name) => ({ name, metadata })),
    }
    let answer = await client.request(await this.#broker(), joinGroup, { ...request, memberId: this.#memberId })
    if (answer.errorCode === MEMBER_ID_REQUIRED) {
      this.#memberId = answer.memberId
      answer = await client.request(await this.#broker(), joinGroup, { ...request, memberId: this.#memberId })
    }
    assertNoError(answer.errorCode)
    const { memberId, generationId, leader, members } = answer
    this.#memberId = memberId
    this.#isLeader = leader === memberId && !answer.skipAssignment
    const protocolName = answer.protocolName ?? ''
    const assignments = this.#isLeader ? await this.#handOut(protocolName, members, layout) : []
    const synced = await client.request(await this.#broker(), syncGroup, {
      groupId,
      generationId,
      memberId,
      protocolType: 'consumer',
      protocolName,
      assignments,
    })
    assertNoError(synced.errorCode)
    this.#generation = generationId
    this.#patience.worked()
    return decodeAssignment(synced.assignment).map((one) => ({ ...one, topicId: layout.get(one.topic)?.topicId }))
  }

  /** Every member's share. Members may have other files, for a while: what is described are all topics that any of them wants. */
  async #handOut(protocol: string, members: readonly JoinedMember[], own: Layout) {
    const assign = ASSIGNORS.get(protocol)
    if (assign === undefined) throw new ProtocolError(INCONSISTENT_GROUP_PROTOCOL)
    const subscriptions = new Map(members.map(({ memberId, metadata }) => [memberId, decodeSubscription(metadata)]))
    const wanted = [...subscriptions.values()].flatMap(({ topics }) => topics)
    const others = [...new Set(wanted)].filter((topic) => !own.has(topic))
    const found = others.length === 0 ? new Map() : await this.#options.client.describeTopics(others)
    const counts = [...own.values(), ...found.values()].map(
      ({ topic, partitions }) => [topic, partitions.length] as const,
    )
    return [...assign(subscriptions, new Map(counts))].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }))
  }

  async #untilRebalance(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#pulse.rest(HEARTBEAT_EVERY_MS, signal)
      if (signal.aborted || this.#mustJoin) return
      if ((await this.#beat(signal)) === REBALANCE_IN_PROGRESS) return
    }
  }

  /** Gives up everything, and is heard of meanwhile. */
  async #release(signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const released = this.#events.revoke().finally(() => done.abort())
    const either = AbortSignal.any([signal, done.signal])
    while (!either.aborted) {
      await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: either }).catch(() => undefined)
      if (!either.aborted) await this.#beat(either)
    }
    await released
  }

  /**
   * Says that this member is there, and hears whether a rebalance is under way; whatever passes by itself is no news. It
   * must not lead to joining: what is owned has not been given up.
   */
  async #beat(signal: AbortSignal): Promise<number> {
    const { groupId, client } = this.#options
    const body = { groupId, generationId: this.#generation ?? -1, memberId: this.#memberId }
    try {
      const { errorCode } = await client.request(await this.#broker(), heartbeat, body)
      if (errorCode !== REBALANCE_IN_PROGRESS) assertNoError(errorCode)
      this.#patience.worked()
      return errorCode
    } catch (error) {
      if (isLostMembership(error)) throw error
      await this.#wait(error, signal)
      return 0
    }
  }

  async #broker(): Promise<BrokerAddress> {
    this.#coordinator ??= await this.#options.client.coordinator(this.#options.groupId)
    return this.#coordinator
  }

  /** Before the coordinator, or another, is asked again. Throws the error where that does not help, or has not for too long. */
  async #wait(error: unknown, signal: AbortSignal): Promise<void> {
    const { client, groupId } = this.#options
    const failure = client.translate(error, `take part in group "${groupId}"`)
    const pause = mayPass(failure) ? this.#patience.failed(BROKER_AWAY_MS) : undefined
    if (pause === undefined) throw failure
    if (pause.isWorthTelling) this.#events.waiting(failure, pause.ms)
    this.#coordinator = undefined
    await sleep(pause.ms, undefined, { signal }).catch(() => undefined)
  }
}
