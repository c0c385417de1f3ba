import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int16, int32, string, struct, structs, uuid } from '../schema.ts'
import { NO_AUTHORIZED_OPERATIONS } from './metadata.ts'

const cursor = { topicName: string(), partitionIndex: int32() }

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: structs({ name: string() }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: nullable(struct(cursor), { default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      errorCode: int16(),
      name: nullable(string()),
      topicId: uuid(),
      isInternal: boolean({ default: false }),
      partitions: structs({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        eligibleLeaderReplicas: nullable(arrayOf(int32())),
        lastKnownElr: nullable(arrayOf(int32())),
        offlineReplicas: arrayOf(int32()),
      }),
      topicAuthorizedOperations: int32({ default: NO_AUTHORIZED_OPERATIONS }),
    }),
    nextCursor: nullable(struct(cursor), { default: null }),
  },
})
