import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, int16, int32, string, struct, structs, uuid } from '../schema.ts'

const topicPartitions = { topicId: uuid(), partitions: arrayOf(int32()) }

export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: nullable(string(), { default: null }),
    rackId: nullable(string(), { default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: nullable(arrayOf(string()), { default: null }),
    subscribedTopicRegex: nullable(string({ from: 1 }), { from: 1, default: null }),
    serverAssignor: nullable(string(), { default: null }),
    topicPartitions: nullable(structs(topicPartitions), { default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: nullable(string(), { default: null }),
    memberId: nullable(string(), { default: null }),
    memberEpoch: int32({ default: 0 }),
    heartbeatIntervalMs: int32({ default: 0 }),
    assignment: nullable(struct({ topicPartitions: structs(topicPartitions) }), { default: null }),
  },
})
