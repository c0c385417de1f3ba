/** What a program needs besides the protocol client to take part in a consumer group without a pipeline. */
export { KafkaClient } from './client/client.ts'
export { type Layout, layoutChange, type PartitionPlace } from './client/layout.ts'
export type { TopicPartition } from './groups/group-assignment.ts'
export { type GroupReader, GroupSession } from './groups/group-session.ts'
export { parsePosition, positionOf } from './position.ts'
