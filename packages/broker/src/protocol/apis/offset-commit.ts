import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { int16, int32, int64, string, structs } from '../schema.ts'

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexibleFrom: 8,
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ from: 1, default: -1 }),
    memberId: string({ from: 1, default: '' }),
    groupInstanceId: nullable(string({ from: 7 }), { from: 7, default: null }),
    retentionTimeMs: int64({ from: 2, to: 4, default: -1 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ from: 6, default: -1 }),
        commitTimestamp: int64({ from: 1, to: 1, default: -1 }),
        committedMetadata: nullable(string()),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ from: 3, default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({ partitionIndex: int32(), errorCode: int16() }),
    }),
  },
})
