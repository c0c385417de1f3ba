import { defineApi } from '../api.ts'
import { nullable, tagged } from '../field.ts'
import { int16, int32, int64, records, string, struct, structs } from '../schema.ts'
import { nodeEndpoints } from './node-endpoints.ts'

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  // Versions below 3 carry old message formats and are refused, but must be advertised: librdkafka before 2.8.1 takes a broker without
  // them for one that cannot compress (KAFKA-18659).
  versions: [0, 11],
  flexibleFrom: 9,
  request: {
    transactionalId: nullable(string({ from: 3 }), { from: 3, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: structs({
      name: string(),
      partitionData: structs({ index: int32(), records: nullable(records()) }),
    }),
  },
  response: {
    responses: structs({
      name: string(),
      partitionResponses: structs({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ from: 2, default: -1 }),
        logStartOffset: int64({ from: 5, default: -1 }),
        recordErrors: structs(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: nullable(string(), { from: 8, default: null }),
          },
          { from: 8, default: [] },
        ),
        errorMessage: nullable(string({ from: 8 }), { from: 8, default: null }),
        currentLeader: tagged(
          0,
          struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, { from: 10 }),
        ),
      }),
    }),
    throttleTimeMs: int32({ from: 1, default: 0 }),
    nodeEndpoints: nodeEndpoints(10),
  },
})
