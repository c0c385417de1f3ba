import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { arrayOf, int8, int16, int32, string, structs } from '../schema.ts'

/** What a coordinator is looked for. */
export const COORDINATOR_KEY_TYPE = { group: 0, transaction: 1, share: 2 } as const

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string({ to: 3, default: '' }),
    keyType: int8({ from: 1, default: 0 }),
    coordinatorKeys: arrayOf(string(), { from: 4, default: [] }),
  },
  response: {
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16({ to: 3, default: 0 }),
    errorMessage: nullable(string({ from: 1, to: 3 }), { from: 1, default: null }),
    nodeId: int32({ to: 3, default: -1 }),
    host: string({ to: 3, default: '' }),
    port: int32({ to: 3, default: -1 }),
    coordinators: structs(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: nullable(string(), { from: 4, default: null }),
      },
      { from: 4, default: [] },
    ),
  },
})
