/** How groups are kept. Each setting is Kafka's broker config of the name given, with its default unless said otherwise. */
export interface GroupSettings {
  /** group.consumer.session.timeout.ms: how long a consumer group (KIP-848) waits for a member's heartbeat. 45,000 unless told. */
  readonly consumerSessionTimeoutMs: number
  /** group.consumer.heartbeat.interval.ms: how often members of such a group are told to send one. 5,000 unless told. */
  readonly consumerHeartbeatIntervalMs: number
  /** group.consumer.max.size: as many members as anybody likes unless told. */
  readonly consumerMaxSize: number
}

export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5_000,
  consumerMaxSize: Number.POSITIVE_INFINITY,
}
