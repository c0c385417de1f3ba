import { defineApi } from '../api.ts'
import { arrayOf, int16, int32, string, structs } from '../schema.ts'

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    statesFilter: arrayOf(string(), { from: 4, default: [] }),
    typesFilter: arrayOf(string(), { from: 5, default: [] }),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16(),
    groups: structs({
      groupId: string(),
      protocolType: string(),
      groupState: string({ from: 4 }),
      groupType: string({ from: 5 }),
    }),
  },
})
