import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { boolean, bytes, int16, int32, string, structs } from '../schema.ts'

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ from: 1, default: -1 }),
    memberId: string(),
    groupInstanceId: nullable(string({ from: 5 }), { from: 5, default: null }),
    protocolType: string(),
    protocols: structs({ name: string(), metadata: bytes() }),
    reason: nullable(string({ from: 8 }), { from: 8, default: null }),
  },
  response: {
    throttleTimeMs: int32({ from: 2, default: 0 }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: nullable(string({ from: 7 }), { from: 7, default: null }),
    protocolName: nullable(string(), { from: 7 }),
    leader: string(),
    skipAssignment: boolean({ from: 9, default: false }),
    memberId: string(),
    members: structs({
      memberId: string(),
      groupInstanceId: nullable(string({ from: 5 }), { from: 5, default: null }),
      metadata: bytes(),
    }),
  },
})
