import { defineApi } from '../api.ts'
import { arrayOf, boolean, int16, int32, int64, string, structs } from '../schema.ts'

/** What Kafka's tools end a hanging transaction with. */
export const writeTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    markers: structs({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: boolean(),
      topics: structs({ name: string(), partitionIndexes: arrayOf(int32()) }),
      coordinatorEpoch: int32(),
    }),
  },
  response: {
    markers: structs({
      producerId: int64(),
      topics: structs({
        name: string(),
        partitions: structs({ partitionIndex: int32(), errorCode: int16() }),
      }),
    }),
  },
})
