import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, int16, int32, string, structs, uuid } from '../schema.ts'

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: structs(
      { name: nullable(string({ from: 6 }), { from: 6, default: null }), topicId: uuid({ from: 6 }) },
      { from: 6, default: [] },
    ),
    topicNames: arrayOf(string(), { to: 5, default: [] }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    responses: structs({
      name: nullable(string(), { from: 6 }),
      topicId: uuid({ from: 6 }),
      errorCode: int16(),
      errorMessage: nullable(string({ from: 5 }), { from: 5, default: null }),
    }),
  },
})
