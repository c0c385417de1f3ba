import { defineApi } from '../api.ts'
import { nullable, tagged } from '../field.ts'
import { arrayOf, int8, int16, int32, int64, records, string, struct, structs, uuid, ZERO_UUID } from '../schema.ts'
import { nodeEndpoints } from './node-endpoints.ts'

/** `isolationLevel` of a consumer that wants committed transactions only. */
export const READ_COMMITTED = 1

const leaderEpoch = { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 16],
  flexibleFrom: 12,
  request: {
    clusterId: tagged(0, nullable(string({ from: 12 }), { from: 12, default: null })),
    replicaId: int32({ to: 14, default: -1 }),
    replicaState: tagged(
      1,
      struct({ replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1 }) }, { from: 15 }),
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ from: 3, default: 0x7fff_ffff }),
    isolationLevel: int8({ from: 4, default: 0 }),
    sessionId: int32({ from: 7, default: 0 }),
    sessionEpoch: int32({ from: 7, default: -1 }),
    topics: structs({
      topic: string({ to: 12, default: '' }),
      topicId: uuid({ from: 13, default: ZERO_UUID }),
      partitions: structs({
        partition: int32(),
        currentLeaderEpoch: int32({ from: 9, default: -1 }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ from: 12, default: -1 }),
        logStartOffset: int64({ from: 5, default: -1 }),
        partitionMaxBytes: int32(),
      }),
    }),
    forgottenTopicsData: structs(
      {
        topic: string({ from: 7, to: 12, default: '' }),
        topicId: uuid({ from: 13, default: ZERO_UUID }),
        partitions: arrayOf(int32(), { from: 7 }),
      },
      { from: 7, default: [] },
    ),
    rackId: string({ from: 11, default: '' }),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16({ from: 7, default: 0 }),
    sessionId: int32({ from: 7, default: 0 }),
    responses: structs({
      topic: string({ to: 12 }),
      topicId: uuid({ from: 13 }),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64({ from: 4, default: -1 }),
        logStartOffset: int64({ from: 5, default: -1 }),
        divergingEpoch: tagged(
          0,
          struct({ epoch: int32({ default: -1 }), endOffset: int64({ default: -1 }) }, { from: 12 }),
        ),
        currentLeader: tagged(1, struct(leaderEpoch, { from: 12 })),
        snapshotId: tagged(
          2,
          struct({ endOffset: int64({ default: -1 }), epoch: int32({ default: -1 }) }, { from: 12 }),
        ),
        abortedTransactions: nullable(structs({ producerId: int64(), firstOffset: int64() }, { from: 4 }), {
          from: 4,
        }),
        preferredReadReplica: int32({ from: 11, default: -1 }),
        records: nullable(records()),
      }),
    }),
    nodeEndpoints: nodeEndpoints(16),
  },
})
