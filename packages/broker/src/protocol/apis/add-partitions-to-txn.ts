import { defineApi } from '../api.ts'
import { arrayOf, int16, int32, int64, string, structs } from '../schema.ts'

/** Versions from 4 on are those of brokers among each other: clients are not to see them. */
export const addPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 3],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    topics: structs({ name: string(), partitions: arrayOf(int32()) }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({
      name: string(),
      resultsByPartition: structs({ partitionIndex: int32(), partitionErrorCode: int16() }),
    }),
  },
})
