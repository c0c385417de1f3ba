import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { int8, int16, int32, string, structs } from '../schema.ts'

export const describeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { users: nullable(structs({ name: string() })) },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: nullable(string(), { default: null }),
    results: structs({
      user: string(),
      errorCode: int16(),
      errorMessage: nullable(string(), { default: null }),
      credentialInfos: structs({ mechanism: int8(), iterations: int32() }),
    }),
  },
})
