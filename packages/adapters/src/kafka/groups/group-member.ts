import type { HeadraceError } from '@headrace/core'
import type { KafkaClient } from '../client/client.ts'
import type { Layout } from '../client/layout.ts'
import type { TopicPartition } from './group-assignment.ts'
import type { Committer } from './offsets.ts'

/** How often the coordinator hears of a member, and so how soon a member hears of a rebalance. */
export const HEARTBEAT_EVERY_MS = 1_000

/** How long a member may take to give up its partitions: below what a connection waits for an answer. */
export const REBALANCE_MS = 25_000

export interface MemberOptions {
  readonly groupId: string
  /** Of the member alone: a request to join is answered only when every member has come. */
  readonly client: KafkaClient
  readonly sessionTimeoutMs: number
}

/** What happens to a member, told to the one who reads. */
export interface MemberEvents {
  /** The topics to subscribe to, as the cluster has them now. */
  layout(): Promise<Layout>
  /** These are this member's, besides those that it owned. */
  assigned(partitions: readonly TopicPartition[]): void
  /** Give up these, or all; resolves when another may have them. Never rejects. */
  revoke(partitions?: readonly TopicPartition[]): Promise<void>
  /** The group has gone on without this member: what it owned is another's. */
  lost(reason: string): void
  /** The coordinator does not answer, or cannot: it, or another, is asked again after so long. */
  waiting(failure: HeadraceError, pauseMs: number): void
}

/** One process in a consumer group. */
export interface GroupMember {
  /** In whose name offsets are committed; undefined outside of the group. */
  readonly committer: Committer | undefined
  /** Takes part until aborted. Rejects when the group, or the cluster, cannot be reached. */
  run(signal: AbortSignal): Promise<void>
  /** New or deleted topics or partitions were seen; of `recreated`, what was owned is no more. */
  topicsChanged(recreated: ReadonlySet<string>): void
  /** There is reason to believe that the group has gone on: the coordinator is asked at once. */
  hurry(): void
  /** Leaves at once, so that nobody waits for the session to end. */
  leave(client: KafkaClient): Promise<void>
}
