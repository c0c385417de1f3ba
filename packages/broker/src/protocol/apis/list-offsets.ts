import { defineApi } from '../api.ts'
import { arrayOf, int8, int16, int32, int64, string, structs } from '../schema.ts'

/** Values of `timestamp` that are not a time. Source: KIP-79, KIP-734, KIP-405, KIP-1005. */
export const OFFSET_SPEC = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  earliestLocal: -4,
  latestTiered: -5,
} as const

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 9],
  flexibleFrom: 6,
  request: {
    replicaId: int32({ default: -1 }),
    isolationLevel: int8({ from: 2, default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ from: 4, default: -1 }),
        timestamp: int64(),
        maxNumOffsets: int32({ to: 0, default: 1 }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ from: 2, default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
        oldStyleOffsets: arrayOf(int64(), { to: 0, default: [] }),
        timestamp: int64({ from: 1, default: -1 }),
        offset: int64({ from: 1, default: -1 }),
        leaderEpoch: int32({ from: 4, default: -1 }),
      }),
    }),
  },
})
