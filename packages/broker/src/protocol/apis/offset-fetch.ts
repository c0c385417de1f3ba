import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, int16, int32, int64, string, structs } from '../schema.ts'

const askedTopic = { name: string(), partitionIndexes: arrayOf(int32()) }

const answeredTopic = (epochFrom: number) => ({
  name: string(),
  partitions: structs({
    partitionIndex: int32(),
    committedOffset: int64(),
    committedLeaderEpoch: int32({ from: epochFrom, default: -1 }),
    metadata: nullable(string()),
    errorCode: int16(),
  }),
})

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexibleFrom: 6,
  request: {
    groupId: string({ to: 7, default: '' }),
    topics: nullable(structs(askedTopic, { to: 7, default: [] }), { from: 2 }),
    groups: structs(
      {
        groupId: string(),
        memberId: nullable(string({ from: 9 }), { from: 9, default: null }),
        memberEpoch: int32({ from: 9, default: -1 }),
        topics: nullable(structs(askedTopic), { from: 8 }),
      },
      { from: 8, default: [] },
    ),
    requireStable: boolean({ from: 7, default: false }),
  },
  response: {
    throttleTimeMs: int32({ from: 3, default: 0 }),
    topics: structs(answeredTopic(5), { to: 7, default: [] }),
    errorCode: int16({ from: 2, to: 7, default: 0 }),
    groups: structs(
      { groupId: string(), topics: structs(answeredTopic(8)), errorCode: int16({ default: 0 }) },
      { from: 8, default: [] },
    ),
  },
})
