import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { int16, int32, string, structs } from '../schema.ts'

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    memberId: string({ to: 2, default: '' }),
    members: structs(
      {
        memberId: string(),
        groupInstanceId: nullable(string(), { from: 3, default: null }),
        reason: nullable(string({ from: 5 }), { from: 5, default: null }),
      },
      { from: 3, default: [] },
    ),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16(),
    members: structs(
      { memberId: string(), groupInstanceId: nullable(string(), { from: 3 }), errorCode: int16() },
      { from: 3, default: [] },
    ),
  },
})
