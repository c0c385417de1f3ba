import { defineApi } from '../api.ts'
import { arrayOf, int16, int32, int64, string, structs } from '../schema.ts'

export const listTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    stateFilters: arrayOf(string()),
    producerIdFilters: arrayOf(int64()),
    durationFilter: int64({ from: 1, default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    unknownStateFilters: arrayOf(string()),
    transactionStates: structs({ transactionalId: string(), producerId: int64(), transactionState: string() }),
  },
})
