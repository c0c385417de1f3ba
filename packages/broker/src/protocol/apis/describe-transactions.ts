import { defineApi } from '../api.ts'
import { arrayOf, int16, int32, int64, string, structs } from '../schema.ts'

export const describeTransactions = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { transactionalIds: arrayOf(string()) },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    transactionStates: structs({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: structs({ topic: string(), partitions: arrayOf(int32()) }),
    }),
  },
})
