import { defineApi } from '../api.ts'
import { int16, int32, string, structs } from '../schema.ts'

export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleFrom: Number.POSITIVE_INFINITY,
  request: {
    groupId: string(),
    topics: structs({ name: string(), partitions: structs({ partitionIndex: int32() }) }),
  },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32({ default: 0 }),
    topics: structs(
      { name: string(), partitions: structs({ partitionIndex: int32(), errorCode: int16() }) },
      { default: [] },
    ),
  },
})
