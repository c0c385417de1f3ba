import { defineApi } from '../api.ts'
import { arrayOf, int16, int32, string, structs } from '../schema.ts'

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: { groupsNames: arrayOf(string()) },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({ groupId: string(), errorCode: int16() }),
  },
})
