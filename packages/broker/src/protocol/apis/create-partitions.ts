import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int16, int32, string, structs } from '../schema.ts'

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: structs({
      name: string(),
      count: int32(),
      assignments: nullable(structs({ brokerIds: arrayOf(int32()) })),
    }),
    timeoutMs: int32(),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({
      name: string(),
      errorCode: int16(),
      errorMessage: nullable(string(), { default: null }),
    }),
  },
})
