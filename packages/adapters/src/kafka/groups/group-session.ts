import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine, Positions } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import type { Layout, PartitionPlace } from '../client/layout.ts'
import { parsePartitionName, parsePosition, partitionName, positionOf } from '../position.ts'
import { ClassicMember } from './classic-member.ts'
import { ConsumerMember } from './consumer-member.ts'
import type { TopicPartition } from './group-assignment.ts'
import { type GroupMember, type MemberEvents, REBALANCE_MS } from './group-member.ts'
import { commitOffsets, fetchOffsets } from './offsets.ts'
import { OwnedPartitions } from './owned-partitions.ts'

/** How long sinks may take to hold what was read of partitions that are to be given up; then there is a heartbeat to spare. */
const DRAIN_MS = REBALANCE_MS - 5_000

/** The one who reads for a member. */
export interface GroupReader {
  /** Takes up those of the partitions that are still this member's when their turn has come. */
  takeUp(partitions: readonly TopicPartition[], isCurrent: (partition: TopicPartition) => boolean): void
  /** Resolves when nothing more of these, or of any, will be given to the engine. */
  giveUp(partitions: readonly TopicPartition[] | undefined): Promise<void>
  fail(error: unknown): void
}

interface GroupOptions {
  readonly groupId: string
  readonly client: KafkaClient
  /** The member's own connections. */
  readonly memberClient: KafkaClient
  readonly protocol: 'classic' | 'consumer'
  readonly sessionTimeoutMs: number
  /** Names the state of this process: offsets that it committed say so. */
  readonly incarnation: string
  readonly describe: () => Promise<Layout>
  readonly log: (line: LogLine) => void
}

/**
 * This process's part in a consumer group: which partitions it owns, and how far the group knows them to be held by the
 * sinks. Where a partition is gone on with is what the group knows; only after a restart of the process that committed it
 * last, and only then, is it what that process's own state says, whose rows wait in its outbox.
 */
export class GroupSession {
  readonly #options: GroupOptions
  readonly #owned = new OwnedPartitions()
  readonly #member: GroupMember
  readonly #stopped = new AbortController()
  readonly #firstAssignment = Promise.withResolvers<void>()
  #reader: GroupReader | undefined
  #running: Promise<void> = Promise.resolve()
  /** By partition, the assignment that gave it to this member: one that was taken back meanwhile is not acted upon. */
  readonly #assigned = new Map<string, object>()

  constructor(options: GroupOptions) {
    this.#options = options
    const { groupId, memberClient: client, sessionTimeoutMs } = options
    const Member = options.protocol === 'consumer' ? ConsumerMember : ClassicMember
    this.#member = new Member({ groupId, client, sessionTimeoutMs }, this.#events())
    this.#firstAssignment.promise.catch(() => undefined)
  }

  /** Joins the group, and hands what it gets to `reader`. */
  begin(reader: GroupReader): void {
    this.#reader = reader
    this.#running = this.#member.run(this.#stopped.signal).catch((error: unknown) => {
      const failure = this.#options.client.translate(error, `take part in group "${this.#options.groupId}"`)
      this.#firstAssignment.reject(failure)
      reader.fail(failure)
    })
  }

  topicsChanged(): void {
    this.#member.topicsChanged()
  }

  /** The partitions owned, once the group has given out the first. */
  async owned(): Promise<readonly string[]> {
    await this.#firstAssignment.promise
    return this.#owned.names
  }

  /** Where the group, or this process's state, says that these partitions are to be gone on with. */
  async positions(places: readonly PartitionPlace[], from: Positions): Promise<Positions> {
    const { client, groupId, incarnation, protocol } = this.#options
    const asking = protocol === 'consumer' ? this.#member.committer : undefined
    const committed = await fetchOffsets(client, groupId, places, asking)
    const positions = new Map<string, ReturnType<typeof positionOf>>()
    for (const place of places) {
      const group = committed.get(place)
      const own = from.get(place.name)
      const ownOffset = own === undefined ? -1 : parsePosition(own).offset
      if (own !== undefined && (group === undefined || (group.metadata === incarnation && ownOffset > group.offset))) {
        positions.set(place.name, own)
      } else if (group !== undefined) {
        positions.set(place.name, positionOf(group.offset, place.topicId, group.leaderEpoch))
      }
    }
    return positions
  }

  /** These begin here. The group is told at once: from now on it is this process's state that counts after a restart of it. */
  async claim(cursors: readonly { readonly place: PartitionPlace; readonly nextOffset: number }[]): Promise<void> {
    for (const { place, nextOffset } of cursors) this.#owned.take(place.name, nextOffset)
    await this.#commit(
      new Map(cursors.map(({ place, nextOffset }) => [place.name, positionOf(nextOffset, undefined, -1)])),
    )
  }

  /** The engine was given a partition's records up to here. */
  gave(partition: string, upTo: number): void {
    this.#owned.gave(partition, upTo)
  }

  /** Every sink holds these. */
  async acknowledge(positions: Positions): Promise<void> {
    const news = this.#owned.news(positions)
    if (news.size === 0) return
    await this.#commit(news)
    this.#owned.held(news)
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    const { client, memberClient } = this.#options
    // A coordinator that does not answer finds out by itself.
    await Promise.race([this.#member.leave(client), sleep(1_000, undefined, { ref: false })]).catch(() => undefined)
    memberClient.close()
    await this.#running
  }

  #events(): MemberEvents {
    return {
      layout: () => this.#options.describe(),
      assigned: (partitions) => {
        for (const one of partitions) this.#assigned.set(nameOf(one), partitions)
        this.#reader?.takeUp(partitions, (one) => this.#assigned.get(nameOf(one)) === partitions)
        this.#log('info', `group "${this.#options.groupId}" gives this process ${namesOf(partitions)}`)
      },
      revoke: (partitions) => this.#revoke(partitions),
      lost: (reason) => {
        this.#assigned.clear()
        void this.#reader?.giveUp(undefined)
        this.#owned.drop(this.#owned.names)
        this.#log(
          'warn',
          `group "${this.#options.groupId}" has gone on without this process (${reason}): it joins again`,
        )
      },
    }
  }

  async #revoke(partitions: readonly TopicPartition[] | undefined): Promise<void> {
    const concerned = () => partitions?.map(nameOf) ?? this.#owned.names
    for (const name of partitions?.map(nameOf) ?? [...this.#assigned.keys()]) this.#assigned.delete(name)
    const drained = async () => {
      await this.#reader?.giveUp(partitions)
      await this.#owned.drained(concerned())
      return true
    }
    const inTime = await Promise.race([drained(), sleep(DRAIN_MS, false, { ref: false })])
    if (!inTime) {
      const message = `partitions were given up before every sink held what had been read of them (${DRAIN_MS / 1000} s): the process that has them now reads that again`
      this.#log('warn', message)
    }
    this.#owned.drop(concerned())
  }

  async #commit(positions: Positions): Promise<void> {
    const { client, groupId, incarnation } = this.#options
    const offsets = [...positions].flatMap(([name, position]) => {
      const place = parsePartitionName(name)
      const { offset, leaderEpoch = -1 } = parsePosition(position)
      return place === undefined ? [] : [{ ...place, offset, leaderEpoch, metadata: incarnation }]
    })
    await commitOffsets(client, groupId, offsets, this.#member.committer)
  }

  /** The first partitions are read: `owned` can tell them. */
  begun(): void {
    this.#firstAssignment.resolve()
  }

  #log(level: LogLine['level'], message: string): void {
    this.#options.log({ level, message })
  }
}

function namesOf(partitions: readonly TopicPartition[]): string {
  if (partitions.length === 0) return 'no partitions'
  return partitions.map(nameOf).join(', ')
}

function nameOf({ topic, index }: TopicPartition): string {
  return partitionName(topic, index)
}
