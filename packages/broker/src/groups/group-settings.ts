/** How groups are kept. Each setting is Kafka's broker config of the name given, with its default unless said otherwise. */
export interface GroupSettings {
  /** group.initial.rebalance.delay.ms: how long the first generation of a classic group waits for more members. 0 unless told; 3,000 in Kafka. */
  readonly initialRebalanceDelayMs: number
  /** group.max.size, of a classic group: as many members as anybody likes unless told. */
  readonly maxSize: number
  /** group.min.session.timeout.ms: 100 unless told, which leaves programs on one machine their choice; 6,000 in Kafka. */
  readonly minSessionTimeoutMs: number
  /** group.max.session.timeout.ms: 1,800,000 unless told. */
  readonly maxSessionTimeoutMs: number
  /** group.consumer.session.timeout.ms: how long a consumer group (KIP-848) waits for a member's heartbeat. 45,000 unless told. */
  readonly consumerSessionTimeoutMs: number
  /** group.consumer.heartbeat.interval.ms: how often members of such a group are told to send one. 5,000 unless told. */
  readonly consumerHeartbeatIntervalMs: number
  /** group.consumer.max.size: as many members as anybody likes unless told. */
  readonly consumerMaxSize: number
  /** offsets.retention.minutes, in milliseconds: how long offsets are kept when a group has no members any more. Seven days unless told. */
  readonly offsetsRetentionMs: number
  /** offsets.retention.check.interval.ms: how often it is looked for such. 600,000 unless told. */
  readonly offsetsRetentionCheckIntervalMs: number
}

export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  initialRebalanceDelayMs: 0,
  maxSize: Number.POSITIVE_INFINITY,
  minSessionTimeoutMs: 100,
  maxSessionTimeoutMs: 1_800_000,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5_000,
  consumerMaxSize: Number.POSITIVE_INFINITY,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
}
