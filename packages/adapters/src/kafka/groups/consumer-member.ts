import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { consumerGroupHeartbeat } from '@headrace/broker/protocol'
import type { KafkaClient } from '../client/client.ts'
import type { Layout } from '../client/layout.ts'
import { BROKER_AWAY_MS, Patience } from '../client/patience.ts'
import { assertNoError, isLostMembership, mayPass } from '../client/protocol-errors.ts'
import type { BrokerAddress } from '../client/sockets.ts'
import type { TopicPartition } from './group-assignment.ts'
import {
  type GroupMember,
  HEARTBEAT_EVERY_MS,
  type MemberEvents,
  type MemberOptions,
  REBALANCE_MS,
} from './group-member.ts'
import type { Committer } from './offsets.ts'
import { Pulse } from './pulse.ts'

/** Member epochs that say something by themselves. Source: KIP-848. */
const JOINING = 0
const LEAVING = -1

interface AssignedTopic {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** As the broker names it: a topic that was made again is another. */
interface OwnedPartition extends TopicPartition {
  readonly topicId: string
}

/**
 * A member of a group of the newer protocol (KIP-848): the broker hands out the partitions, every heartbeat says what this
 * member owns, and only what moves is given up.
 */
export class ConsumerMember implements GroupMember {
  readonly #options: MemberOptions
  readonly #events: MemberEvents
  readonly #memberId = randomUUID()
  readonly #pulse = new Pulse()
  readonly #patience = new Patience()
  #epoch = JOINING
  #coordinator: BrokerAddress | undefined
  #layout: Layout = new Map()
  #subscriptionChanged = true
  #owned = new Map<string, OwnedPartition>()
  /** What the broker wants this member to own, and the same with the topics' names. */
  #assignment: readonly AssignedTopic[] = []
  #target: readonly OwnedPartition[] = []
  /** Owned partitions that are being given up, until every sink holds what was read of them. */
  #releasing: Promise<void> | undefined

  constructor(options: MemberOptions, events: MemberEvents) {
    this.#options = options
    this.#events = events
  }

  get committer(): Committer | undefined {
    return this.#epoch > JOINING ? { memberId: this.#memberId, generation: this.#epoch } : undefined
  }

  /** The broker sees new partitions itself, and topics made again by their id; what fits a pattern, it is told. */
  topicsChanged(): void {
    this.#subscriptionChanged = true
  }

  hurry(): void {
    this.#pulse.hurry()
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const changed = await this.#beat()
        this.#patience.worked()
        this.#reconcile()
        // What is owned has changed: the broker waits for that.
        if (!changed) await this.#pulse.rest(HEARTBEAT_EVERY_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
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

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (isLostMembership(error)) {
      this.#epoch = JOINING
      this.#subscriptionChanged = true
      this.#owned.clear()
      this.#assignment = []
      this.#target = []
      this.#events.lost(error instanceof Error ? error.message : String(error))
      return
    }
    const { client, groupId } = this.#options
    const failure = client.translate(error, `take part in group "${groupId}"`)
    const pause = mayPass(failure) ? this.#patience.failed(BROKER_AWAY_MS) : undefined
    if (pause === undefined) throw failure
    if (pause.isWorthTelling) this.#events.waiting(failure, pause.ms)
    this.#coordinator = undefined
    await sleep(pause.ms, undefined, { signal }).catch(() => undefined)
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
    if (answer.assignment !== null) this.#assignment = answer.assignment.topicPartitions
    await this.#nameTarget()
    this.#reconcile()
    const owned = new Set(this.#owned.keys())
    return owned.size !== reported.length || reported.some((key) => !owned.has(key))
  }

  /** Gives up what is not wanted any more, and only then takes what is new: it may come from another member. */
  #reconcile(): void {
    if (this.#releasing !== undefined) return
    const target = new Map(this.#target.map((one) => [keyOf(one), one]))
    const leaving = [...this.#owned].filter(([key]) => !target.has(key))
    if (leaving.length > 0) {
      this.#releasing = this.#events.revoke(leaving.map(([, one]) => one)).then(() => {
        for (const [key] of leaving) this.#owned.delete(key)
        this.#releasing = undefined
        this.#pulse.hurry()
      })
      return
    }
    const added = [...target].filter(([key]) => !this.#owned.has(key))
    for (const [key, one] of added) this.#owned.set(key, one)
    if (added.length > 0) this.#events.assigned(added.map(([, one]) => one))
  }

  #byTopicId() {
    const byTopic = Map.groupBy(this.#owned.values(), ({ topicId }) => topicId)
    return [...byTopic].map(([topicId, own]) => ({ topicId, partitions: own.map(({ index }) => index) }))
  }

  /** A topic whose id is not known was made since; one that is not found is looked for again with the next heartbeat. */
  async #nameTarget(): Promise<void> {
    const isKnown = ({ topicId }: AssignedTopic) => this.#names().has(topicId)
    if (!this.#assignment.every(isKnown)) this.#layout = await this.#events.layout()
    const names = this.#names()
    this.#target = this.#assignment.flatMap(({ topicId, partitions }) => {
      const topic = names.get(topicId)
      return topic === undefined ? [] : partitions.map((index) => ({ topic, index, topicId }))
    })
  }

  #names(): ReadonlyMap<string | undefined, string> {
    return new Map([...this.#layout.values()].map(({ topic, topicId }) => [topicId, topic]))
  }
}

function keyOf({ topicId, index }: OwnedPartition): string {
  return `${topicId}/${index}`
}
