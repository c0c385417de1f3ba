import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine, Position, Positions } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import { isAnother, type Layout, type PartitionPlace } from '../client/layout.ts'
import { Patience } from '../client/patience.ts'
import { isLostMembership, mayPass } from '../client/protocol-errors.ts'
import { parsePartitionName, parsePosition, partitionName, positionOf } from '../position.ts'
import { ClassicMember } from './classic-member.ts'
import { ConsumerMember } from './consumer-member.ts'
import type { TopicPartition } from './group-assignment.ts'
import { type GroupMember, type MemberEvents, REBALANCE_MS } from './group-member.ts'
import { type CommittedOffset, type Committer, commitOffsets, fetchOffsets } from './offsets.ts'
import { OwnedPartitions } from './owned-partitions.ts'

/** How long sinks may take to hold what was read of partitions that are to be given up; then there is a heartbeat to spare. */
const DRAIN_MS = REBALANCE_MS - 5_000

/** How long a coordinator may refuse what it is asked, as it does while a rebalance goes on (ms). */
const COORDINATOR_PATIENCE_MS = 5_000

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
  #reader: GroupReader | undefined
  #running: Promise<void> = Promise.resolve()
  /** By partition, the assignment that gave it to this member: one that was taken back meanwhile is not acted upon. */
  readonly #assigned = new Map<string, object>()

  constructor(options: GroupOptions) {
    this.#options = options
    const { groupId, memberClient: client, sessionTimeoutMs } = options
    const Member = options.protocol === 'consumer' ? ConsumerMember : ClassicMember
    this.#member = new Member({ groupId, client, sessionTimeoutMs }, this.#events())
  }

  /** Joins the group, and hands what it gets to `reader`. */
  begin(reader: GroupReader): void {
    this.#reader = reader
    this.#running = this.#member.run(this.#stopped.signal).catch((error: unknown) => {
      reader.fail(this.#options.client.translate(error, `take part in group "${this.#options.groupId}"`))
    })
  }

  /** New or deleted topics or partitions were seen. What was owned of topics that are no more, the group is not told. */
  topicsChanged(gone: ReadonlySet<string>, recreated: ReadonlySet<string>): void {
    const isGone = (name: string) => {
      const topic = parsePartitionName(name)?.topic ?? ''
      return gone.has(topic) || recreated.has(topic)
    }
    this.#owned.drop(this.#owned.names.filter(isGone))
    this.#member.topicsChanged(recreated)
  }

  /**
   * Where the group, or this process's state, says that these partitions are to be gone on with; undefined if the group has
   * gone on without this member. The group's offset counts, whoever moved it; but where this process committed it, its own
   * state counts if that is further: the rows between wait in its outbox.
   */
  async positions(places: readonly PartitionPlace[], from: Positions): Promise<Positions | undefined> {
    const { client, groupId, incarnation, protocol } = this.#options
    const committed = await this.#asMember((member) =>
      fetchOffsets(client, groupId, places, protocol === 'consumer' ? member : undefined),
    )
    if (committed === undefined) return undefined
    const positions = new Map<string, ReturnType<typeof positionOf>>()
    for (const place of places) {
      const group = committed.get(place)
      const own = from.get(place.name)
      const { by, topicId = place.topicId } = authorOf(group)
      if (own !== undefined && (group === undefined || (by === incarnation && isFurther(own, group.offset, topicId)))) {
        positions.set(place.name, own)
      } else if (group !== undefined) {
        positions.set(place.name, positionOf(group.offset, topicId, group.leaderEpoch))
      }
    }
    return positions
  }

  /**
   * These begin here. The group is told at once: from now on it is this process's state that counts after a restart of it.
   * Not where that state (`from`) is further: until it is committed anew, it must not count. Gives whether this is still a
   * member.
   */
  async claim(
    cursors: readonly { readonly place: PartitionPlace; readonly nextOffset: number }[],
    from: Positions,
  ): Promise<boolean> {
    for (const { place, nextOffset } of cursors) this.#owned.take(place.name, place.topicId, nextOffset)
    const claimed = cursors.filter(({ place, nextOffset }) => {
      const own = from.get(place.name)
      return own === undefined || !isFurther(own, nextOffset, place.topicId)
    })
    const positions = claimed.map(
      ({ place, nextOffset }) => [place.name, positionOf(nextOffset, place.topicId, -1)] as const,
    )
    return (await this.#asMember((member) => this.#commit(new Map(positions), member))) !== undefined
  }

  /** The engine was given a partition's records up to here. */
  gave(partition: string, upTo: number): void {
    this.#owned.gave(partition, upTo)
  }

  /** A partition is gone on with elsewhere. */
  passedOver(partition: string, goesOnAt: number): void {
    this.#owned.goesOn(partition, goesOnAt)
  }

  /** Every sink holds these. What the group has given to others meanwhile is theirs to say. */
  async acknowledge(positions: Positions): Promise<void> {
    await this.#asMember(async (member) => {
      const news = this.#owned.news(positions)
      if (news.size === 0) return
      await this.#commit(news, member)
      this.#owned.held(news)
    })
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
      waiting: ({ code, message }, pauseMs) => {
        const what = `group "${this.#options.groupId}" must wait: ${message}; the next attempt in ${(pauseMs / 1000).toFixed(1)} s`
        this.#options.log({ level: 'warn', code, message: what })
      },
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
    for (const name of partitions?.map(nameOf) ?? [...this.#assigned.keys()]) this.#assigned.delete(name)
    let names: readonly string[] | undefined
    const drained = async () => {
      await this.#reader?.giveUp(partitions)
      names = partitions?.map(nameOf) ?? this.#owned.names
      await this.#owned.drained(names)
      return true
    }
    const inTime = await Promise.race([drained(), sleep(DRAIN_MS, false, { ref: false })])
    if (!inTime) {
      const message = `partitions were given up before every sink held what had been read of them (${DRAIN_MS / 1000} s): the process that has them now reads that again`
      this.#log('warn', message)
    }
    this.#owned.drop(names ?? partitions?.map(nameOf) ?? this.#owned.names)
  }

  /**
   * Asks in this member's name, again while the coordinator is busy or has another epoch of it in mind. Undefined if the
   * group has gone on without this member, which its next heartbeat finds out too. Errors are translated.
   */
  async #asMember<T>(ask: (member: Committer) => Promise<T>): Promise<T | undefined> {
    for (const patience = new Patience(); ; ) {
      const member = this.#member.committer
      if (member === undefined) return undefined
      try {
        return await ask(member)
      } catch (error) {
        this.#member.hurry()
        if (isLostMembership(error) && this.#member.committer?.generation === member.generation) return undefined
        const pause = mayPass(error) || isLostMembership(error) ? patience.failed(COORDINATOR_PATIENCE_MS) : undefined
        if (pause === undefined || this.#stopped.signal.aborted) throw error
        await sleep(pause.ms)
      }
    }
  }

  async #commit(positions: Positions, member: Committer): Promise<true> {
    const { client, groupId, incarnation } = this.#options
    const offsets = [...positions].flatMap(([name, position]) => {
      const place = parsePartitionName(name)
      const { offset, topicId, leaderEpoch = -1 } = parsePosition(position)
      return place === undefined ? [] : [{ ...place, offset, leaderEpoch, metadata: authorship(incarnation, topicId) }]
    })
    await commitOffsets(client, groupId, offsets, member)
    return true
  }

  #log(level: LogLine['level'], message: string): void {
    this.#options.log({ level, message })
  }
}

/** What is committed with an offset: which state it comes from, and of which topic it is. */
function authorship(incarnation: string, topicId: string | undefined): string {
  return topicId === undefined ? incarnation : `${incarnation} ${topicId}`
}

function authorOf(committed: CommittedOffset | undefined): { readonly by?: string; readonly topicId?: string } {
  const [by, topicId] = committed?.metadata?.split(' ') ?? []
  const isOurs = topicId !== undefined && /^[0-9a-f-]{32,36}$/.test(topicId)
  return { ...(by !== undefined && { by }), ...(isOurs && { topicId }) }
}

/** Whether a position is of that topic, and beyond that offset. */
function isFurther(position: Position, offset: number, topicId: string | undefined): boolean {
  const own = parsePosition(position)
  return !isAnother(own.topicId, topicId) && own.offset > offset
}

function namesOf(partitions: readonly TopicPartition[]): string {
  if (partitions.length === 0) return 'no partitions'
  return partitions.map(nameOf).join(', ')
}

function nameOf({ topic, index }: TopicPartition): string {
  return partitionName(topic, index)
}
