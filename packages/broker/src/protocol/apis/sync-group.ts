import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { bytes, int16, int32, string, structs } from '../schema.ts'

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: nullable(string({ from: 3 }), { from: 3, default: null }),
    protocolType: nullable(string({ from: 5 }), { from: 5, default: null }),
    protocolName: nullable(string({ from: 5 }), { from: 5, default: null }),
    assignments: structs({ memberId: string(), assignment: bytes() }),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16(),
    protocolType: nullable(string({ from: 5 }), { from: 5, default: null }),
    protocolName: nullable(string({ from: 5 }), { from: 5, default: null }),
    assignment: bytes(),
  },
})
