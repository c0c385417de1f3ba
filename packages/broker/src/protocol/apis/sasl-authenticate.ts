import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { bytes, int16, int64, string } from '../schema.ts'

export const saslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleFrom: 2,
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: nullable(string(), { default: null }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ from: 1, default: 0 }),
  },
})
