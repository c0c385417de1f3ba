import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { int16, int32, int64, string, structs } from '../schema.ts'

export const txnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 3],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ from: 3, default: -1 }),
    memberId: string({ from: 3, default: '' }),
    groupInstanceId: nullable(string({ from: 3 }), { from: 3, default: null }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ from: 2, default: -1 }),
        committedMetadata: nullable(string()),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({ partitionIndex: int32(), errorCode: int16() }),
    }),
  },
})
