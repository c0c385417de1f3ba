import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { boolean, int8, int16, int32, string, structs } from '../schema.ts'

/** Replaces all configs of a resource: what is not named goes back to its default. */
export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      configs: structs({ name: string(), value: nullable(string()) }),
    }),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: structs({
      errorCode: int16(),
      errorMessage: nullable(string()),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
})
