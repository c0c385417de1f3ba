import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int16, int32, string, struct, structs, uuid } from '../schema.ts'
import { NO_AUTHORIZED_OPERATIONS } from './metadata.ts'

const assignment = {
  topicPartitions: structs({ topicId: uuid(), topicName: string(), partitions: arrayOf(int32()) }),
}

export const consumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: structs({
      errorCode: int16(),
      errorMessage: nullable(string(), { default: null }),
      groupId: string(),
      groupState: string({ default: '' }),
      groupEpoch: int32({ default: 0 }),
      assignmentEpoch: int32({ default: 0 }),
      assignorName: string({ default: '' }),
      members: structs(
        {
          memberId: string(),
          instanceId: nullable(string(), { default: null }),
          rackId: nullable(string(), { default: null }),
          memberEpoch: int32(),
          clientId: string(),
          clientHost: string(),
          subscribedTopicNames: arrayOf(string()),
          subscribedTopicRegex: nullable(string(), { default: null }),
          assignment: struct(assignment),
          targetAssignment: struct(assignment),
        },
        { default: [] },
      ),
      authorizedOperations: int32({ default: NO_AUTHORIZED_OPERATIONS }),
    }),
  },
})
