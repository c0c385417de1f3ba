import { defineApi } from '../api.ts'
import { arrayOf, int16, string } from '../schema.ts'

export const saslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleFrom: Number.POSITIVE_INFINITY,
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: arrayOf(string()) },
})
