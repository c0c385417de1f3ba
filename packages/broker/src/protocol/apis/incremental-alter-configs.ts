import { defineApi } from '../api.ts'
import { nullable } from '../field.ts'
import { boolean, int8, int16, int32, string, structs } from '../schema.ts'

/** Changes single configs of a resource. `configOperation`: 0 sets, 1 deletes, 2 appends to a list, 3 subtracts from one. */
export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      configs: structs({ name: string(), configOperation: int8(), value: nullable(string()) }),
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
