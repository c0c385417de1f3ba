import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, boolean, bytes, int16, int32, string, structs } from '../schema.ts'
import { NO_AUTHORIZED_OPERATIONS } from './metadata.ts'

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: {
    groups: arrayOf(string()),
    includeAuthorizedOperations: boolean({ from: 3, default: false }),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    groups: structs({
      errorCode: int16(),
      errorMessage: nullable(string({ from: 6 }), { from: 6, default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: structs({
        memberId: string(),
        groupInstanceId: nullable(string({ from: 4 }), { from: 4, default: null }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ from: 3, default: NO_AUTHORIZED_OPERATIONS }),
    }),
  },
})
