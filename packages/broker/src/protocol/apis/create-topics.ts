import { defineApi } from '../api.ts'
import { nullable, tagged } from '../field.ts'
import { arrayOf, boolean, int8, int16, int32, string, structs, uuid } from '../schema.ts'

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleFrom: 5,
  request: {
    topics: structs({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: structs({ partitionIndex: int32(), brokerIds: arrayOf(int32()) }),
      configs: structs({ name: string(), value: nullable(string()) }),
    }),
    timeoutMs: int32({ default: 60_000 }),
    validateOnly: boolean({ from: 1, default: false }),
  },
  response: {
    throttleTimeMs: int32({ from: 2, default: 0 }),
    topics: structs({
      name: string(),
      topicId: uuid({ from: 7 }),
      errorCode: int16(),
      errorMessage: nullable(string({ from: 1 })),
      topicConfigErrorCode: tagged(0, int16({ from: 5, default: 0 })),
      numPartitions: int32({ from: 5, default: -1 }),
      replicationFactor: int16({ from: 5, default: -1 }),
      configs: nullable(
        structs(
          {
            name: string({ from: 5 }),
            value: nullable(string({ from: 5 }), { from: 5 }),
            readOnly: boolean({ from: 5 }),
            configSource: int8({ from: 5, default: -1 }),
            isSensitive: boolean({ from: 5 }),
          },
          { from: 5 },
        ),
        { from: 5 },
      ),
    }),
  },
})
