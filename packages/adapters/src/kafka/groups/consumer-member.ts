import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { consumerGroupHeartbeat } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import type { Layout } from '../client/layout.ts'
import { assertNoError, isAnotherCoordinator, isLostMembership, ProtocolError } from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import { partitionName } from '../position.ts'
import type { TopicPartition } from './group-assignment.ts'
import {
  type GroupMember,
  HEARTBEAT_EVERY_MS,
  type MemberEvents,
  type MemberOptions,
  REBALANCE_MS,
} from './group-member.ts'
import type { Committer } from './offsets.ts'

/** Member epochs that say something by themselves. Source: KIP-848. */
const JOINING = 0
const LEAVING = -1

/** How long to wait before a group's coordinator is looked for again. */
const COORDINATOR_PAUSE_MS = 200

/**
 * A member of a group of the newer protocol (KIP-848): the broker hands out the partitions, every heartbeat says what this
 * member owns, and only what moves is given up.
 */
export class ConsumerMember implements GroupMember {
  readonly #options: MemberOptions
  readonly #events: MemberEvents
  readonly #memberId = randomUUID()
  #epoch = JOINING
  #coordinator: BrokerAddress | undefined
  #layout: Layout = new Map()
  #subscriptionChanged = true
  #owned = new Map<string, TopicPartition>()
  /** What the broker wants this member to own. */
  #target: readonly TopicPartition[] = []
  /** Owned partitions that are being given up, until every sink holds what was read of them. */
  #releasing: Promise<void> | undefined

  constructor(options: MemberOptions, events: MemberEvents) {
    this.#options = options
    this.#events = events
  }

  get committer(): Committer | undefined {
    return this.#epoch > JOINING ? { memberId: this.#memberId, generation: this.#epoch } : undefined
  }

  /** The broker sees new partitions itself; what fits a pattern, it is told. */
  topicsChanged(): void {
    this.#subscriptionChanged = true
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const changed = await this.#beat()
        this.#reconcile()
        // What is owned has changed: the broker waits for that.
        if (!changed) await sleep(HEARTBEAT_EVERY_MS, undefined, { signal }).catch(() => undefined)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error)
      }
    }
  }

  async leave(client: KafkaClient): Promise<void> {
    if (this.#epoch <= JOINING) return
    const { groupId } = this.#options
    const body = { groupId, memberId: this.#memberId, memberEpoch: LEAVING }
    this.#epoch = JOINING
    await client.request(await client.coordinator(groupId), consumerGroupHeartbeat, body)
  }

  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof ProtocolError)) throw error
    if (isLostMembership(error.apiCode)) {
      this.#epoch = JOINING
      this.#subscriptionChanged = true
      this.#owned.clear()
      this.#target = []
      this.#events.lost(error.message)
    } else if (isAnotherCoordinator(error.apiCode)) {
      this.#coordinator = undefined
      await sleep(COORDINATOR_PAUSE_MS)
    } else throw error
  }

  /** Tells the broker what is owned, and hears what should be. Gives whether there is something to tell at once. */
  async #beat(): Promise<boolean> {
    const { groupId, client } = this.#options
    if (this.#subscriptionChanged || this.#epoch === JOINING) {
      this.#layout = await this.#events.layout()
      this.#subscriptionChanged = false
    }
    const reported = [...this.#owned.keys()]
    this.#coordinator ??= await client.coordinator(groupId)
    const answer = await client.request(this.#coordinator, consumerGroupHeartbeat, {
      groupId,
      memberId: this.#memberId,
      memberEpoch: this.#epoch,
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: [...this.#layout.keys()].sort(),
      topicPartitions: this.#byTopicId(),
    })
    assertNoError(answer.errorCode)
    this.#epoch = answer.memberEpoch
    if (answer.assignment !== null) this.#target = this.#named(answer.assignment.topicPartitions)
    this.#reconcile()
    const owned = new Set(this.#owned.keys())
    return owned.size !== reported.length || reported.some((name) => !owned.has(name))
  }

  /** Gives up what is not wanted any more, and only then takes what is new: it may come from another member. */
  #reconcile(): void {
    if (this.#releasing !== undefined) return
    const target = new Map(this.#target.map((one) => [partitionName(one.topic, one.index), one]))
    const leaving = [...this.#owned].filter(([name]) => !target.has(name)).map(([, one]) => one)
    if (leaving.length > 0) {
      this.#releasing = this.#events.revoke(leaving).then(() => {
        for (const { topic, index } of leaving) this.#owned.delete(partitionName(topic, index))
        this.#releasing = undefined
      })
      return
    }
    const added = [...target].filter(([name]) => !this.#owned.has(name))
    for (const [name, one] of added) this.#owned.set(name, one)
    if (added.length > 0) this.#events.assigned(added.map(([, one]) => one))
  }

  #byTopicId() {
    const byTopic = Map.groupBy(this.#owned.values(), ({ topic }) => topic)
    return [...byTopic].flatMap(([topic, own]) => {
      const topicId = this.#layout.get(topic)?.topicId
      return topicId === undefined ? [] : [{ topicId, partitions: own.map(({ index }) => index) }]
    })
  }

  #named(assigned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]) {
    const topics = new Map([...this.#layout.values()].map(({ topic, topicId }) => [topicId, topic]))
    return assigned.flatMap(({ topicId, partitions }) => {
      const topic = topics.get(topicId)
      return topic === undefined ? [] : partitions.map((index) => ({ topic, index }))
    })
  }
}
