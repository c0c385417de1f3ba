import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { bytes, int8, int16, int32, string, structs } from '../schema.ts'

export const alterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    deletions: structs({ name: string(), mechanism: int8() }),
    upsertions: structs({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({ user: string(), errorCode: int16(), errorMessage: nullable(string(), { default: null }) }),
  },
})
